/** The settings of distillation. */
import { z } from 'zod'
import { sftSchema } from '../sft-recipe.js'

const size = z.number().int().positive()
const count = z.number().int().nonnegative()
const price = z.number().min(0)

export const distillSchema = z
  .strictObject({
    ...sftSchema.shape,
    method: z
      .enum(['sequences', 'logits', 'both'])
      .default('sequences')
      .describe(
        "sequences: learn the answers a teacher gives; logits: its distributions over the data's answers; both: its distributions over its own answers",
      ),
    // What a teacher is asked, and how.
    endpoint: z
      .url({ protocol: /^https?$/, error: 'it must begin with http:// or https://' })
      .refine((url) => !URL.canParse(url) || new URL(url).username === '', {
        message: 'a key in the address would be saved with the run; name its variable with apiKeyEnv',
      })
      .optional()
      .describe('base URL of an OpenAI-compatible teacher, such as https://api.openai.com/v1'),
    endpointModel: z.string().min(1).optional().describe('the model that the endpoint is asked for'),
    apiKeyEnv: z
      .string()
      .regex(/^[A-Za-z_]\w*$/, 'it must be the name of an environment variable, not the key')
      .optional()
      .describe("environment variable that holds the endpoint's key"),
    samples: size.default(1).describe('answers of the teacher to each prompt'),
    teacherTemperature: z.number().min(0).max(2).default(0).describe('at which the teacher answers'),
    teacherTopP: z.number().gt(0).max(1).default(1).describe('likeliest part that the teacher draws from'),
    teacherMaxTokens: size.default(256).describe('tokens of an answer of the teacher at most'),
    teacherSystem: z
      .string()
      .min(1)
      .optional()
      .describe('system message for the teacher alone, where a prompt has none'),
    keepCut: z.boolean().default(false).describe('also learn answers that were cut off at the most tokens'),
    rows: size.default(32).describe('answers that a teacher here writes together'),
    concurrency: size.default(4).describe('requests to the endpoint at the same time'),
    timeout: z.number().positive().default(60).describe('seconds for a request'),
    retries: count.default(5).describe('tries after the first, where the trouble may pass'),
    maxFailures: count.default(100).describe('prompts that the endpoint may fail on before it is an error'),
    budgetRequests: size.optional().describe('requests to the endpoint at most'),
    budgetTokens: size.optional().describe('tokens in and out of the endpoint at most'),
    budgetCost: z.number().positive().optional().describe('cost at most, in the currency of the prices'),
    priceInput: price.default(0).describe('price of a million tokens of prompts'),
    priceOutput: price.default(0).describe('price of a million tokens of answers'),
    // What is learnt of its distributions.
    temperature: z.number().gt(0).max(20).default(2).describe('logits: softens both distributions'),
    labelWeight: z
      .number()
      .min(0)
      .max(1)
      .default(0.1)
      .describe('logits: weight of the tokens themselves beside the distributions'),
    learn: z.enum(['assistant', 'all']).default('assistant').describe('logits: whose tokens are learnt'),
  })
  .refine(({ endpoint, endpointModel }) => endpoint === undefined || endpointModel !== undefined, {
    path: ['endpointModel'],
    message: 'name the model that the endpoint is asked for',
  })
  .refine(
    ({ budgetCost, priceInput, priceOutput }) => budgetCost === undefined || priceInput + priceOutput > 0,
    {
      path: ['budgetCost'],
      message: 'a budget in money needs priceInput and priceOutput',
    },
  )
  .refine(({ endpoint, method }) => endpoint === undefined || method === 'sequences', {
    path: ['method'],
    message: 'an endpoint gives no distributions; learn its sequences',
  })
  .refine(({ samples, teacherTemperature }) => samples === 1 || teacherTemperature > 0, {
    path: ['teacherTemperature'],
    message: 'at temperature 0 all answers to a prompt are the same; raise it, or ask for one',
  })

export type DistillRecipe = z.output<typeof distillSchema>
export type DistillRecipeInput = z.input<typeof distillSchema>
