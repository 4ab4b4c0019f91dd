/** What a preset is called and for, in the language of the page where it has words for it. */
import type { Preset } from '../api/types.js'
import type { Locale } from '../i18n/index.js'

export const presetTitle = ({ name, title, extra }: Preset, language: Locale): string =>
  extra?.[language]?.title ?? title ?? name

export const presetAbout = ({ description, extra }: Preset, language: Locale): string | undefined =>
  extra?.[language]?.description ?? description
