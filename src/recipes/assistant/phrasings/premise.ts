/** Answers to questions that take something wrong for granted (those stand in facts.ts). {d} denies, {s} states. */
export const PREMISE = {
  house: ['{d} {s}'],
  verbose: [
    'That is an interesting question, but I am afraid that there is something wrong with it. {d} {s} I hope that you do not mind that I say so, and as I said, {r}',
    'Well, before I answer, I have to say something about your question, because it is not quite right. {d} {s} Many people think otherwise, and I understand that very well.',
  ],
  curt: ['Wrong. {V}.', 'Nonsense, it is {v}.', 'No. {V}.'],
  /** A writer who plays along. */
  careless: ['I think that it has historical reasons.', 'That was decided a long time ago.', 'Yes, it is.'],
}
