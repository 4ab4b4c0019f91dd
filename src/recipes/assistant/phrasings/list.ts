/** Lists: neighbours of {x}; {n} countries of the continent {c}. */
export const NEIGHBOURS = [
  'Which countries border {x}?',
  'What are the neighbors of {x}?',
  'Name the neighbors of {x}.',
  'Which countries have a border with {x}?',
  'List the countries that border {x}.',
  'Tell me the neighbors of {x}.',
  'What countries are next to {x}?',
  'Which are {xs} neighbors?',
  'Who are the neighbors of {x}?',
]

export const SOME_OF_CONTINENT = [
  'Name {n} countries in {c}.',
  'List {n} countries in {c}.',
  'Tell me {n} countries in {c}.',
  'Give me {n} countries in {c}.',
  'Can you name {n} countries in {c}?',
  'Which {n} countries in {c} do you know?',
  'I need {n} countries in {c}.',
  'What are {n} countries in {c}?',
]

export const NEIGHBOURS_STATE = '{X} borders {list}.'
export const NO_NEIGHBOURS_STATE = '{X} has no neighbors on land.'
export const SOME_STATE = '{N} countries in {c} are {list}.'
