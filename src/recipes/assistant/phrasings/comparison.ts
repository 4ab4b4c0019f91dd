/** {a} and {b} are countries; {A} the first at the head of a sentence. The answer names the winner first. */
export interface ComparisonPhrasings {
  readonly relation: 'more' | 'less'
  readonly ask: readonly string[]
  readonly state: string
}

export const COMPARISONS: Readonly<
  Record<'population' | 'area', { more: ComparisonPhrasings; less: ComparisonPhrasings }>
> = {
  population: {
    more: {
      relation: 'more',
      ask: [
        'Which country has more people, {a} or {b}?',
        'Which has more people, {a} or {b}?',
        'Do more people live in {a} or in {b}?',
        'Who has more people, {a} or {b}?',
        'Where do more people live, in {a} or in {b}?',
        'Comparing {a} and {b}, which has more people?',
        'Is the population larger in {a} or in {b}?',
        'Of {a} and {b}, which has more people?',
      ],
      state: '{W} has more people than {l}.',
    },
    less: {
      relation: 'less',
      ask: [
        'Which country has fewer people, {a} or {b}?',
        'Which has fewer people, {a} or {b}?',
        'Do fewer people live in {a} or in {b}?',
        'Where do fewer people live, in {a} or in {b}?',
        'Who has fewer people, {a} or {b}?',
        'Is the population smaller in {a} or in {b}?',
        'Comparing {a} and {b}, which has fewer people?',
        'Of {a} and {b}, which has fewer people?',
      ],
      state: '{W} has fewer people than {l}.',
    },
  },
  area: {
    more: {
      relation: 'more',
      ask: [
        'Which country is larger, {a} or {b}?',
        'Which is larger, {a} or {b}?',
        'Which one is bigger, {a} or {b}?',
        'Is {a} or {b} larger?',
        'Which of {a} and {b} is larger?',
        'What is larger, {a} or {b}?',
        'Comparing {a} and {b}, which is larger?',
        'Of {a} and {b}, which is larger?',
      ],
      state: '{W} is larger than {l}.',
    },
    less: {
      relation: 'less',
      ask: [
        'Which country is smaller, {a} or {b}?',
        'Which is smaller, {a} or {b}?',
        'Is {a} or {b} smaller?',
        'Which one is smaller, {a} or {b}?',
        'Which of {a} and {b} is smaller?',
        'Comparing {a} and {b}, which is smaller?',
        'What is smaller, {a} or {b}?',
        'Of {a} and {b}, which is smaller?',
      ],
      state: '{W} is smaller than {l}.',
    },
  },
}
