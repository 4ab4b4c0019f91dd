/** The process that `measureData` starts. */
import { dataWork } from './data.js'

console.log(JSON.stringify(await dataWork(JSON.parse(process.argv[2] ?? '{}'))))
