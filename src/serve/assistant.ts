/** What `athanor start` serves: the assistant of a speedrun, which is made first where it is not there yet. */
import { basename, join } from 'node:path'
import type { ServeContext, StartState } from './context.js'
import { isActive, type Run, type RunEvent, type RunManager } from './runs/index.js'
import { addModel, loadLive } from './start.js'

export interface AssistantOptions {
  /** The run's folder, directly in the server's folder of runs. */
  readonly out: string
  /** Flags of the speedrun besides its folder, for when it begins. */
  readonly flags: readonly string[]
  /** Told what the run reports from now on. */
  readonly onEvent?: (event: RunEvent) => void
  /** Ends the watching; the run itself ends with the server. */
  readonly signal: AbortSignal
}

/** The name that requests and the studio call it. */
export const ASSISTANT = 'assistant'

/**
 * Begins the speedrun in `out`, goes on with it, or finds it finished, and then serves its model. Someone may pause and resume it in
 * the studio meanwhile.
 * @returns the run; not finished only where the signal was aborted
 * @throws ApiError where `out` holds something else; what keeps the model from being loaded
 */
export async function makeAssistant(
  context: ServeContext & { readonly runs: RunManager },
  { out, flags, onEvent = () => {}, signal }: AssistantOptions,
): Promise<Run> {
  const { runs, startup } = context
  // What an earlier process did has been told by it.
  const before = (await runs.list()).find(({ name }) => name === basename(out))
  let after = before === undefined ? 0 : (await runs.curves(before.id)).seq
  let run = await runs.begin(
    {
      stage: 'speedrun',
      name: basename(out),
      args: [`--out=${out}`, ...flags],
      resumeArgs: [`--out=${out}`, '--resume'],
      resumeWhen: 'speedrun.json',
    },
    { adopt: true },
  )
  const { id } = run
  const tell = (state: StartState['state'], message?: string) => {
    startup.start = () => ({ state, run: id, ...(message === undefined ? {} : { message }) })
  }
  tell('running')
  while (!signal.aborted && run.state !== 'finished') {
    for await (const event of runs.events(id, { after, signal })) {
      after = event.seq
      onEvent(event)
    }
    run = await runs.get(id)
    if (run.state === 'finished') break
    tell('failed', run.error?.message ?? `the run is ${run.state}; it can be resumed under Train`)
    await untilActive(runs, id, signal)
    tell('running')
  }
  if (run.state !== 'finished') return run
  await addModel(context, { dir: join(out, 'ppo'), name: ASSISTANT })
  await loadLive(context, ASSISTANT)
  tell('done')
  return run
}

/** Until somebody resumes the run. */
function untilActive(runs: RunManager, id: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      unsubscribe()
      signal.removeEventListener('abort', end)
      resolve()
    }
    const look = (run: Run) => {
      if (run.id === id && (isActive(run.state) || run.state === 'finished')) end()
    }
    const unsubscribe = runs.subscribe(look)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
    else void runs.get(id).then(look, end)
  })
}
