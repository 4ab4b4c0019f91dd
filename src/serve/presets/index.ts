/** Named prompt templates with parameters. */
export { BUILT_IN } from './built-in.js'
export {
  createPresets,
  expandPreset,
  findPreset,
  LOCALES,
  listPresets,
  type NamedPreset,
} from './expand.js'
export { fillTemplate, MESSAGE, placesOf } from './template.js'
