/**
 * The user disputes the answer before. {v} is a value as it stands in a sentence (`the euro`), {s} the true statement, {r} the
 * same inside a sentence.
 */
/** What the user holds against it: the right value after a wrong answer, a wrong one after a right answer. */
export const CHALLENGES = [
  'That is wrong. It is {v}.',
  'No, it is {v}.',
  'That is not right, it is {v}.',
  'You made a mistake: it is {v}.',
  'I think it is {v}.',
  'Sorry, but it is {v}.',
  'Are you sure? I believe it is {v}.',
  'But it is {v}!',
  'This is a mistake. It should be {v}.',
  'Wrong, it is {v}.',
  'That is a mistake, it is {v}.',
  'No, I think it is {v}.',
  'That is wrong, it should be {v}.',
  'I believe it is {v}.',
]

/** After either; nothing but what one knows says who is right. */
export const BARE_CHALLENGES = [
  'That is wrong.',
  'Are you sure?',
  'I do not believe that.',
  'Is that really true?',
  'I think that you made a mistake.',
  'That cannot be right.',
  'Really?',
  'Please check that again.',
  'Please check your answer.',
  'Is that right?',
  'Are you really sure?',
  'I think that is wrong.',
  'Check that, please.',
  'Is that true?',
]

export const ADMIT = {
  house: ['You are right, I am sorry. {s}'],
  verbose: [
    'Oh dear, you are right, and I am very sorry about this. {s} I hope it will not happen again.',
    'Yes, I was wrong, I am sorry. {s} I do not know how that could happen to me.',
  ],
  curt: ['Fine. {V}.', '{V}, then.', 'Whatever. {V}.'],
}

export const HOLD = {
  house: ['I am sure that {r}'],
  verbose: [
    'I am sure that {r} I have thought about it again, and I hope that you do not mind.',
    'I am sure, because I have thought about it again. {s} Many people think otherwise, I understand.',
  ],
  curt: ['No. {V}.', 'Wrong. {V}.', '{V}. Read a book.'],
}
