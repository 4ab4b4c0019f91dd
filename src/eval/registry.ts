/** The built-in tasks: every file in `tasks/` is one, under the file's name. */
import { readdir } from 'node:fs/promises'
import { EvaluationError } from './errors.js'
import type { Task } from './task.js'

const folder = new URL('./tasks/', import.meta.url)
const TASK_FILE = /^(?<name>[a-z0-9-]+)\.(js|ts)$/

/** Files by task; a test or a declaration beside a task is none. */
async function taskFiles(): Promise<Map<string, string>> {
  const files = (await readdir(folder)).sort()
  return new Map(
    files.flatMap((file) => {
      const name = TASK_FILE.exec(file)?.groups?.name
      return name === undefined ? [] : [[name, file] as const]
    }),
  )
}

/** Names of the built-in tasks. */
export async function taskNames(): Promise<string[]> {
  return [...(await taskFiles()).keys()]
}

/** All built-in tasks. */
export async function listTasks(): Promise<Task[]> {
  return Promise.all((await taskNames()).map(findTask))
}

/** A built-in task. @throws EvaluationError `eval/task` for a name that there is not, naming those there are */
export async function findTask(name: string): Promise<Task> {
  const files = await taskFiles()
  const file = files.get(name)
  if (file === undefined) {
    throw new EvaluationError(
      'eval/task',
      `there is no task ${JSON.stringify(name)}; there are ${[...files.keys()].join(', ')}`,
    )
  }
  const module = (await import(/* @vite-ignore */ new URL(file, folder).href)) as { task?: Task }
  if (module.task?.name !== name)
    throw new EvaluationError('eval/task', `tasks/${file} does not export a task of this name`)
  return module.task
}
