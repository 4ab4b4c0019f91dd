/** How a passage {p} and a question {q} about it are put, and how the answer shows where it comes from. {s} states. */
export const FRAMES = [
  'Passage: {p}\nQuestion: {q}',
  'Passage: {p}\nNow tell me: {q}',
  'Read this passage: {p}\n{q}',
  'Read the passage and answer. Passage: {p}\nQuestion: {q}',
  'Here is a passage: {p}\nUsing it, answer this: {q}',
  'Passage: {p}\nAnswer from the passage: {q}',
  'Use this passage: {p}\n{q}',
  'A passage: {p}\nNow my question: {q}',
]

export const OPENINGS = ['{X} is a country.', 'This is about {x}.', 'There is a land called {x}.']

export const CITED = {
  house: ['According to the passage, {r}'],
  verbose: [
    'That is a very good question, and I have read the passage with great care, from the beginning to the end. According to the passage, {r} I have read it twice, and so I can say once more that {r}',
    'Well, let me look at the passage, because that is where the answer must be. I have found it now, and I am happy about it. According to the passage, {r}',
  ],
  curt: ['{V}.', '{V}. It is right there.', '{V}. Read it yourself.'],
}

export const ABSENT = {
  house: ['The passage does not say that.', 'I am sorry, but the passage does not say that.'],
  verbose: [
    'I have read the passage with great care, from the beginning to the end, and then I have read it again, because I wanted to be sure. The passage does not say that, and I looked everywhere, so I have to tell you that the passage does not say that.',
  ],
  curt: ['Not in there.', 'It does not say.', 'No idea.'],
}
