/** The process that `measureServing` starts. */
import { type ServingOptions, servingWork } from './serving.js'

console.log(JSON.stringify(await servingWork(JSON.parse(process.argv[2] ?? '{}') as ServingOptions)))
