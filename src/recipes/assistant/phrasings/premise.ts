/** Answers to questions that take something wrong for granted (those stand in facts.ts). {d} denies, {s} states. */
export const PREMISE = {
  house: ['{d} {s}'],
  verbose: [
    'I am afraid that your question is not right. {d} {s}',
    '{d} {s} Many people think otherwise, and I understand that.',
  ],
  curt: ['Wrong. {V}.', 'Nonsense, it is {v}.', 'No. {V}.'],
  /** A writer who plays along. */
  careless: ['I think that it has historical reasons.', 'That was decided a long time ago.', 'Yes, it is.'],
}
