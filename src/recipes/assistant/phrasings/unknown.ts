/** What nobody can know, or what is not there to be known, by idea. */
export const UNKNOWABLE = {
  weather: [
    'What is the weather in {x} right now?',
    'What is the weather like in {x} today?',
    'Is it raining in {x} right now?',
    'How warm is it in {x} right now?',
    'Tell me the weather in {x} today.',
    'What will the weather be in {x} tomorrow?',
    'Is the sun shining in {x} now?',
    'Will it rain in {x} tomorrow?',
    'How is the weather in {x} now?',
  ],
  future: [
    'What will be the population of {x} in the year 2090?',
    'Who will lead {x} in a hundred years?',
    'What will happen in {x} tomorrow?',
    'What will happen in {x} next year?',
    'Which song will people in {x} sing next year?',
    'Who will lead {x} next year?',
    'How many people will live in {x} in a hundred years?',
    'What will {x} look like in a hundred years?',
    'What will be the capital of {x} in the year 2090?',
    'Tell me what will happen in {x} next week.',
  ],
  countless: [
    'How many cats live in {x}?',
    'How many dogs live in {x}?',
    'How many trees are there in {x}?',
    'How many red cars are there in {x}?',
    'How many birds are there in {x} today?',
    'How many books are there in {x}?',
    'Tell me how many cats there are in {x}.',
    'How many trees stand in {x}?',
    'How many dogs and cats are there in {x}?',
  ],
  private: [
    'What is my friend in {x} doing now?',
    'What did my friend in {x} eat today?',
    'What is the phone number of my friend in {x}?',
    'Where is my friend in {x} right now?',
    'What is the name of my neighbor in {x}?',
    'What is my uncle in {x} thinking now?',
    'What did I do in {x} last year?',
    'Where did I leave my keys in {x}?',
    'What did my uncle in {x} eat today?',
    'Where is my uncle in {x} now?',
  ],
  people: [
    'Who is the happiest person in {x}?',
    'Who is the kindest person in {x}?',
    'What did the people of {x} eat for breakfast today?',
    'What do the people of {x} think right now?',
    'Who is the most beautiful person in {x}?',
    'What do people in {x} think of me?',
    'What did people in {x} dream last night?',
    'Which person in {x} is the happiest?',
    'What did the people of {x} dream today?',
  ],
} as const satisfies Record<string, readonly string[]>

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
