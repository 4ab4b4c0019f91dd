import { useRoute } from '../../router.js'
import { CompareRuns } from './compare-runs.js'
import { NewRun } from './new-run.js'
import { Report } from './report.js'
import { RunList } from './run-list.js'
import { RunView } from './run-view.js'
import '../../styles/workshop.css'
import './train.css'

export function Page() {
  const [first, second] = useRoute().path
  if (first === undefined) return <RunList />
  if (first === 'new') return <NewRun />
  if (first === 'compare') return <CompareRuns />
  return second === 'report' ? <Report id={first} /> : <RunView key={first} id={first} />
}
