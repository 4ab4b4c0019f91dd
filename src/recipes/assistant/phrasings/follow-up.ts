/** Second turns that mean nothing without the first. {noun} is what is asked for, {x} the new country. */
export const SAME_COUNTRY = [
  'And its {noun}?',
  'What is its {noun}?',
  'And what is its {noun}?',
  'What about its {noun}?',
  'And the {noun}?',
  'Tell me its {noun} too.',
  'Can you also tell me its {noun}?',
  'Now its {noun}, please.',
]

export const SAME_FACT = [
  'And {x}?',
  'What about {x}?',
  'And what about {x}?',
  'How about {x}?',
  'And for {x}?',
  'The same for {x}, please.',
  'Now {x}.',
  'And in the case of {x}?',
]
