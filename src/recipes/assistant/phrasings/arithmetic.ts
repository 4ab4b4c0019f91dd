/** Small arithmetic on facts; the answer shows the numbers before the result. {p} and {q} are whole millions. */
export const ARITHMETIC: Readonly<
  Record<'sum' | 'difference' | 'count', { readonly ask: readonly string[]; readonly state: string }>
> = {
  sum: {
    ask: [
      'How many people live in {a} and {b} together?',
      'How many people do {a} and {b} have together?',
      'How many people are there in {a} and {b} together?',
      'What is the population of {a} and {b} together?',
      'Together, how many people do {a} and {b} have?',
      'Add the people of {a} and {b}.',
      'Add the populations of {a} and {b}.',
      'Add up the populations of {a} and {b}.',
      'What is the sum of the populations of {a} and {b}?',
      'Tell me the sum of the populations of {a} and {b}.',
    ],
    state: '{A} has {p} million and {b} {q} million, so together they have {r} million.',
  },
  difference: {
    ask: [
      'How many more people live in {a} than in {b}?',
      'How many more people does {a} have than {b}?',
      'How many more people are there in {a} than in {b}?',
      'By how many people is {a} ahead of {b}?',
      'What is the difference between the populations of {a} and {b}?',
      'Tell me the difference between the populations of {a} and {b}.',
      'What is the difference in population between {a} and {b}?',
      'How much larger is the population of {a} than that of {b}?',
      'How many people more than {b} does {a} have?',
      'By how many people is {a} larger than {b}?',
    ],
    state: '{A} has {p} million and {b} {q} million, so the difference is {r} million.',
  },
  count: {
    ask: [
      'How many countries border {x}?',
      'How many neighbors does {x} have?',
      'How many countries are next to {x}?',
      'How many countries have a border with {x}?',
      'How many neighbors are there around {x}?',
      'Count the neighbors of {x}.',
      'Count the countries that border {x}.',
      'What is the number of neighbors of {x}?',
      'Tell me the number of neighbors of {x}.',
      'Tell me how many neighbors {x} has.',
    ],
    state: '{X} borders {list}: that is {r}.',
  },
}
