import { Page as Frame } from '../../components/page.js'
import { useT } from '../../i18n/index.js'

export function Page() {
  const t = useT()
  return <Frame title={t('models.title')}>{null}</Frame>
}
