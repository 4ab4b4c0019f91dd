/** A model behind an OpenAI-compatible endpoint as a teacher. */
import { z } from 'zod'
import type { Prompt } from '../../data/index.js'
import {
  type ChatReply,
  type ChatUsage,
  completeChat,
  type DiskCache,
  EndpointError,
  type EndpointOptions,
  inParallel,
} from '../../infer/openai/index.js'
import type { ChatMessage } from '../../text/index.js'
import { TrainError } from '../errors.js'
import { BudgetSpent, Ledger } from './ledger.js'
import type { DistillRecipe } from './recipe.js'
import { CUT_OFF, EMPTY, type Outcome, type Reply, shownTo, type Teacher } from './teacher.js'

/** So many failures one after the other, and the endpoint is not asked again. */
const GIVE_UP_AFTER = 5

const count = z.number().int().nonnegative()
const keptSchema = z.object({
  content: z.string(),
  finish: z.string().optional(),
  usage: z.object({ promptTokens: count, completionTokens: count }),
  estimated: z.boolean(),
})
type Kept = z.output<typeof keptSchema>

/**
 * Asks for every answer once: what is in the cache is not asked for again. An answer that cannot be used is left out and counted; an
 * endpoint that refuses the key, or fails again and again, ends the collection with what was answered kept in the cache. Where the
 * budget is used up, the rest is left out.
 */
export function endpointTeacher(endpoint: EndpointOptions, recipe: DistillRecipe, cache: DiskCache): Teacher {
  const { budgetRequests: requests, budgetTokens: tokens, budgetCost: cost } = recipe
  const ledger = new Ledger(
    { requests, tokens, cost },
    { input: recipe.priceInput, output: recipe.priceOutput },
  )
  let failures = 0
  let inARow = 0
  let answered = 0

  const failed = (error: EndpointError): Outcome => {
    failures++
    inARow++
    const hopeless = error.kind === 'refused' || (error.kind === 'dead' && answered === 0)
    if (hopeless) throw error
    if (inARow >= GIVE_UP_AFTER || failures > recipe.maxFailures) {
      throw new TrainError(
        'data',
        `the teacher failed on ${failures} prompts, ${inARow} of them one after the other, last with: ${error.message}; ${answered} answers are in the cache and are not asked for again`,
      )
    }
    return { leftOut: reasons[error.kind] }
  }

  const ask = async (prompt: Prompt, sample: number, signal: AbortSignal): Promise<Outcome> => {
    const body = requestBody(endpoint.model, recipe, prompt, sample)
    const key = { baseUrl: endpoint.baseUrl, body, sample }
    const known = keptSchema.safeParse(parseJson(await cache.get(key)))
    if (known.success) {
      ledger.book(known.data.usage, { cached: true, estimated: known.data.estimated })
      return outcomeOf(known.data, recipe)
    }
    const bytes = Buffer.byteLength(JSON.stringify(body.messages))
    const most = { promptTokens: Math.ceil(bytes / 3), completionTokens: recipe.teacherMaxTokens }
    try {
      ledger.reserve(most)
      try {
        const onRequest = () => ledger.countRequest()
        const reply = await completeChat({ ...endpoint, onRequest }, body, signal)
        const { usage, estimated } = countTokens(reply, bytes)
        ledger.book(usage, { cached: false, estimated })
        answered++
        inARow = 0
        const kept: Kept = { content: reply.content, usage, estimated }
        if (reply.finish !== undefined) kept.finish = reply.finish
        await cache.set(key, JSON.stringify(kept))
        return outcomeOf(kept, recipe)
      } finally {
        ledger.release(most)
      }
    } catch (error) {
      if (error instanceof BudgetSpent) return { leftOut: error.message }
      if (error instanceof EndpointError) return failed(error)
      throw error
    }
  }

  return {
    name: `${endpoint.model} at ${endpoint.baseUrl}`,
    spending: () => ledger.spending,
    async answer(prompts, { onEvent, signal }) {
      const questions = prompts.flatMap((prompt) =>
        Array.from({ length: recipe.samples }, (_, sample) => ({ prompt, sample })),
      )
      let done = 0
      const work = async (
        { prompt, sample }: { prompt: Prompt; sample: number },
        stop: AbortSignal,
      ): Promise<Reply> => {
        const outcome = await ask(prompt, sample, stop)
        const total = questions.length
        onEvent({ type: 'progress', label: 'the teacher answers', done: ++done, total, unit: 'answers' })
        return { prompt, outcome }
      }
      return inParallel(questions, recipe.concurrency, work, signal)
    },
  }
}

const reasons = {
  dead: 'no answer in time',
  refused: 'refused',
  request: 'the endpoint did not accept the prompt',
  reply: 'a reply without an answer',
}

function outcomeOf({ content, finish }: Kept, { keepCut }: DistillRecipe): Outcome {
  if (finish === 'content_filter') return { leftOut: "stopped by the endpoint's filter" }
  if (finish === 'length' && !keepCut) return { leftOut: CUT_OFF }
  return content.trim() === '' ? { leftOut: EMPTY } : { text: content }
}

function requestBody(model: string, recipe: DistillRecipe, prompt: Prompt, sample: number) {
  const { teacherTemperature: temperature, teacherTopP, teacherMaxTokens, seed } = recipe
  return {
    model,
    messages: shownTo(recipe, prompt).map(openAiMessage),
    ...(prompt.tools?.length ? { tools: prompt.tools } : {}),
    temperature,
    ...(teacherTopP < 1 ? { top_p: teacherTopP } : {}),
    max_tokens: teacherMaxTokens,
    // Endpoints that know seeds give other answers to other samples, and the same to the same.
    ...(temperature > 0 ? { seed: seed + sample } : {}),
  }
}

function openAiMessage({ role, content, name, toolCalls, toolCallId }: ChatMessage) {
  return {
    role,
    content,
    ...(name === undefined ? {} : { name }),
    ...(toolCallId === undefined ? {} : { tool_call_id: toolCallId }),
    ...(toolCalls?.length
      ? {
          tool_calls: toolCalls.map((call, i) => ({
            id: call.id ?? `call_${i}`,
            type: 'function',
            function: { name: call.name, arguments: JSON.stringify(call.arguments) },
          })),
        }
      : {}),
  }
}

/** What the endpoint counted; where it does not count, or says that text is no tokens, about four bytes are one. */
function countTokens(
  { usage, content }: ChatReply,
  promptBytes: number,
): { usage: ChatUsage; estimated: boolean } {
  const bytes = Buffer.byteLength(content)
  if (usage && usage.promptTokens > 0 && (usage.completionTokens > 0 || bytes === 0))
    return { usage, estimated: false }
  const estimate = {
    promptTokens: Math.ceil(promptBytes / 4),
    completionTokens: Math.ceil(bytes / 4),
  }
  return { usage: estimate, estimated: true }
}

function parseJson(text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
