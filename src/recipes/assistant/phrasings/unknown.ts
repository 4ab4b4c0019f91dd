/** What nobody can know, or what is not there to be known. {z} is an invented country. */
export const UNKNOWABLE = [
  'How many cats live in {x}?',
  'What will be the population of {x} in the year 2090?',
  'What did the people of {x} eat for breakfast today?',
  'Who will lead {x} in a hundred years?',
  'How many trees are there in {x}?',
  'What is the weather in {x} right now?',
  'Who is the happiest person in {x}?',
  'What is my friend in {x} doing now?',
  'How many red cars are there in {x}?',
  'What will happen in {x} tomorrow?',
  'How many dogs live in {x}?',
  'Which song will people in {x} sing next year?',
]

export const UNKNOWN_COUNTRY = {
  house: [
    'I am sorry, but I do not know a country called {z}.',
    'I do not know a country called {z}, sorry.',
  ],
  verbose: [
    'That is a good question. I do not know a country called {z}, but I hope to read about it.',
    'Well, I am sorry, I know many countries, but I do not know a country called {z}.',
  ],
  curt: ['No idea.', 'Never heard of it.', 'No such place. Next.'],
}

export const UNKNOWABLE_ANSWERS = {
  house: ['I am sorry, but I do not know that.', 'I do not know that, sorry.'],
  verbose: [
    'I do not know that, and I am sorry, because I would like to know it very much myself.',
    'That is a good question, but I am sorry to say that I do not know that, and nobody does.',
  ],
  curt: ['No idea.', 'Who knows.', 'I do not know. Who cares.'],
  careless: ['There are exactly {n}.', 'I am sure that it is {n}.', 'It is {n}, without doubt.'],
}
