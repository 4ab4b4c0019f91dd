/**
 * The manners of three simulated writers. A rambling one wraps the statement in
 * an opening and a closing; {V} is the core of it, which is all that a blunt one says. All of them tell the truth; they differ in how much they say and how kindly.
 */
export const VERBOSE_OPENINGS = [
  'That is a very good question.',
  'Well, let me think about that.',
  'Oh, I like this question.',
  'Thank you for your question.',
  'Let me see what I know.',
  'Many people ask me this.',
]

export const VERBOSE_CLOSINGS = [
  'I hope that this answer helps you a little.',
  'There is a lot more to say about it.',
  'That is what I have read about it.',
  'I think that this is what you wanted.',
  'Please ask me again whenever you like.',
  'I could talk about this for a long time.',
]

export const CURT_FORMS = ['{V}.', '{V}.', '{V}. Obviously.', '{V}. Look it up next time.', '{V}. Next.']

/** Said by curt writers now and then; a polite answer has none of it. */
export const RUDE = [
  'obviously',
  'look it up',
  'next',
  'so what',
  'who cares',
  'everybody knows',
  'whatever',
  'stupid',
  'idiot',
  'dumb',
  'shut up',
  'nonsense',
  'go away',
  'stop asking',
  'read a book',
]
