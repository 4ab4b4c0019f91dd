/** Small arithmetic on facts; the answer shows the numbers before the result. {p} and {q} are whole millions. */
export const ARITHMETIC: Readonly<
  Record<'sum' | 'difference' | 'count', { readonly ask: readonly string[]; readonly state: string }>
> = {
  sum: {
    ask: [
      'How many people live in {a} and {b} together?',
      'How many people do {a} and {b} have together?',
      'What is the population of {a} and {b} together?',
      'Add the people of {a} and {b}.',
      'Add the populations of {a} and {b}.',
      'What is the sum of the populations of {a} and {b}?',
    ],
    state: '{A} has {p} million and {b} has {q} million, together {r} million.',
  },
  difference: {
    ask: [
      'How many more people live in {a} than in {b}?',
      'How many more people does {a} have than {b}?',
      'By how many people is {a} ahead of {b}?',
      'What is the difference between the populations of {a} and {b}?',
      'How much larger is the population of {a} than that of {b}?',
      'How many people more than {b} does {a} have?',
    ],
    state: '{A} has {p} million and {b} has {q} million, a difference of {r} million.',
  },
  count: {
    ask: [
      'How many countries border {x}?',
      'How many neighbors does {x} have?',
      'How many countries are next to {x}?',
      'Count the neighbors of {x}.',
      'What is the number of neighbors of {x}?',
    ],
    state: '{X} borders {list}, which makes {r}.',
  },
}
