import {
  correctionAdmit,
  correctionHold,
  falsePremise,
  lookAlike,
  refusal,
  social,
  unknown,
} from './manners.js'
import { passage } from './passage.js'
import { arithmetic, comparison, followUp, list, question } from './questions.js'
import type { Category, SceneWriter } from './scene.js'

/** Every kind of dialogue and what makes it. */
export const SCENES: Readonly<Record<Category, SceneWriter>> = {
  question,
  'follow-up': followUp,
  comparison,
  list,
  arithmetic,
  social,
  'correction-admit': correctionAdmit,
  'correction-hold': correctionHold,
  'false-premise': falsePremise,
  unknown,
  refusal,
  'look-alike': lookAlike,
  passage,
}
