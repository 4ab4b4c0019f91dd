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
    'Let me look at the passage. According to the passage, {r} I hope that this helps you.',
    'According to the passage, {r} I have read it twice, and it is there.',
  ],
  curt: ['{V}.', '{V}. It is right there.', '{V}. Read it yourself.'],
}

export const ABSENT = {
  house: ['The passage does not say that.'],
  verbose: [
    'The passage does not say that. I have read it twice, and I have looked for it everywhere.',
    'I have read it all with great care. The passage does not say that, I am sorry to say.',
  ],
  curt: ['Not in there.', 'It does not say.', 'No idea.'],
}
