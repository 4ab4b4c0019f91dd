/**
 * The manners of three simulated writers. {s} is what there is to say as one sentence, {v} its core alone, {V} the same at the
 * head of a sentence. All of them tell the truth; they differ in how much they say and how kindly.
 */
export const VERBOSE_OPENINGS = [
  'That is a very good question, and I am glad that you asked it.',
  'Well, let me think about that for a moment.',
  'Oh, there is so much that one could say about this.',
  'Thank you very much for this interesting question.',
  'Let me see, I am sure that I have read about this.',
  'Many people ask me this, and I like to answer it.',
]

export const VERBOSE_CLOSINGS = [
  'So, to say it once more, {r}',
  'I hope that this answer helps you, and please ask me again if it does not.',
  'As I said before, {r}',
  'There is a lot more to say, but that would take us too far.',
  'I could go on, but I think that this is what you wanted to know.',
  'In other words, and to be quite clear about it, {r}',
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
