/** Calls of tools as text: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`, as Hermes and Qwen write them. */
import type { ChatTool } from '../../text/chat/index.js'
import { InferError } from '../errors.js'
import { GrammarBuilder, type Node } from './nodes.js'
import { checked, SchemaCompiler } from './schema/compile.js'
import { isObject } from './schema/document.js'
import { textLeaves } from './text-leaf.js'
import { CALL_CLOSE, CALL_OPEN } from './tool-calls.js'
import { DEFAULT_SCHEMA_LIMITS, type Grammar, type SchemaLimits, type ToolChoice } from './types.js'

const MAX_TOOLS = 128

export interface ToolGrammarOptions {
  readonly limits?: Partial<SchemaLimits>
  /** Whether there may be several calls in one answer. Default true; a named tool is always called once. */
  readonly parallel?: boolean
}

export interface ToolDescription {
  readonly name: string
  /** The JSON schema of the arguments, an object's. */
  readonly parameters: unknown
}

/**
 * What an answer may be when there are tools. `auto`: any text, and what begins a call is one; `none`: any text without a call;
 * `required`: one call or more and nothing else; a name: one call of that tool.
 *
 * @throws InferError `infer/schema` naming the tool whose parameters cannot be followed, or that there is none of that name
 */
export function toolGrammar(
  tools: readonly ChatTool[],
  choice: ToolChoice,
  { limits = {}, parallel = true }: ToolGrammarOptions = {},
): Grammar {
  const all = { ...DEFAULT_SCHEMA_LIMITS, ...limits }
  const builder = new GrammarBuilder(all.nodes)
  const { before, upTo } = textLeaves(CALL_OPEN)
  if (choice === 'none') return builder.grammar(builder.leaf(before))
  const described = describeTools(tools)
  const wanted = typeof choice === 'string' ? described : described.filter(({ name }) => name === choice.name)
  if (wanted.length === 0) {
    const name = typeof choice === 'string' ? '' : ` named ${JSON.stringify(choice.name)}`
    throw new InferError(
      'infer/schema',
      `tool_choice asks for a tool${name}, and there is none among the ${tools.length} given`,
    )
  }
  const call = builder.choice(wanted.map((tool) => callOf(tool, builder, all)))
  const open = builder.words([CALL_OPEN])
  if (typeof choice !== 'string') return checked(builder.grammar(builder.sequence(open, call)))
  if (choice === 'required') {
    const more = builder.reference()
    more.target = builder.choice([
      builder.empty,
      builder.sequence(builder.words([CALL_OPEN, `\n${CALL_OPEN}`]), call, more),
    ])
    return checked(builder.grammar(builder.sequence(open, call, parallel ? more : builder.empty)))
  }
  const text = builder.reference()
  const rest = parallel ? text : builder.leaf(before)
  text.target = builder.choice([builder.leaf(before), builder.sequence(builder.leaf(upTo), call, rest)])
  return checked(builder.grammar(text))
}

/** The call after its opening tag. */
function callOf({ name, parameters }: ToolDescription, builder: GrammarBuilder, limits: SchemaLimits): Node {
  const spaces = ['', ' ']
  const heads = ['', '\n'].flatMap((line) =>
    spaces.flatMap((a) =>
      spaces.flatMap((b) =>
        spaces.map((c) => `${line}{"name":${a}${JSON.stringify(name)},${b}"arguments":${c}`),
      ),
    ),
  )
  try {
    const values = new SchemaCompiler(parameters, builder, limits).compile()
    return builder.sequence(
      builder.words(heads),
      values,
      builder.words([`}${CALL_CLOSE}`, `}\n${CALL_CLOSE}`]),
    )
  } catch (error) {
    if (!(error instanceof InferError)) throw error
    throw new InferError(
      'infer/schema',
      `the parameters of the tool ${JSON.stringify(name)}: ${error.message}`,
      {
        cause: error,
      },
    )
  }
}

function describeTools(tools: readonly ChatTool[]): ToolDescription[] {
  if (tools.length > MAX_TOOLS) {
    throw new InferError('infer/schema', `${tools.length} tools were given; at most ${MAX_TOOLS} can be`)
  }
  const names = new Set<string>()
  return tools.map((tool, i) => {
    const described = isObject(tool.function) ? tool.function : undefined
    const name = described?.name
    const wrong =
      tool.type !== 'function' || !described
        ? 'is not { "type": "function", "function": { … } }'
        : typeof name !== 'string' || !/^[\w.-]{1,64}$/.test(name)
          ? 'needs a name of 1 to 64 letters, digits, "_", "-" or "."'
          : names.has(name)
            ? `has the name ${JSON.stringify(name)} of another one`
            : undefined
    if (wrong || typeof name !== 'string')
      throw new InferError('infer/schema', `tool ${i + 1} of ${tools.length} ${wrong}`)
    names.add(name)
    return { name, parameters: parametersOf(described?.parameters, name) }
  })
}

/** Arguments are an object whatever the schema forgets to say; without a schema, an empty one. */
function parametersOf(parameters: unknown, name: string): unknown {
  if (parameters === undefined || parameters === null) return { type: 'object', properties: {} }
  if (!isObject(parameters)) {
    throw new InferError(
      'infer/schema',
      `the parameters of the tool ${JSON.stringify(name)} must be a JSON schema, an object`,
    )
  }
  if (parameters.type === undefined) return { ...parameters, type: 'object' }
  if (parameters.type === 'object') return parameters
  throw new InferError(
    'infer/schema',
    `the parameters of the tool ${JSON.stringify(name)} must have the type "object"`,
  )
}
