/** A server on a free port, over an engine whose words are known, for clients that nobody changed. */
import { createHarness, type Harness, type HarnessOptions } from '../../src/serve/testing/harness.ts'

export interface ClientServer extends Harness {
  /** With /v1 behind it. */
  readonly baseURL: string
}

export async function startServer(options: HarnessOptions = {}): Promise<ClientServer> {
  const harness = await createHarness(options)
  const { port } = await harness.listen()
  return { ...harness, baseURL: `http://127.0.0.1:${port}/v1` }
}

/** Until it is true, or for two seconds. */
export async function until(condition: () => boolean): Promise<boolean> {
  for (let i = 0; i < 100 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 20))
  return condition()
}

export const citySchema = {
  type: 'object',
  properties: { city: { type: 'string' }, population: { type: 'integer' } },
  required: ['city', 'population'],
  additionalProperties: false,
} as const
