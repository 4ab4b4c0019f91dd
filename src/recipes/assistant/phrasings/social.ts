/** Talk that is no question about the world. {name} is the assistant's. Every wording is one sentence. */
export type SocialIntent = 'greeting' | 'thanks' | 'farewell' | 'identity' | 'abilities'

export interface SocialPhrasings {
  readonly ask: readonly string[]
  readonly house: readonly string[]
  readonly verbose: readonly string[]
  readonly curt: readonly string[]
  /** What the judge looks for: one of each list. */
  readonly markers: readonly (readonly string[])[]
}

export const SOCIAL: Readonly<Record<SocialIntent, SocialPhrasings>> = {
  greeting: {
    ask: [
      'Hello!',
      'Hi!',
      'Hi there!',
      'Hello there!',
      'Good morning!',
      'Good evening!',
      'Good day!',
      'Good afternoon!',
      'Hey!',
      'Hello, how are you?',
      'Hi, how are you today?',
      'Hello, how are you today?',
      'Hey there!',
      'Hello, nice to meet you!',
      'Hi, nice to meet you!',
      'Hi again!',
      'Hello again!',
      'Good morning, how are you?',
      'Good evening, how are you?',
      'Hello, are you there?',
    ],
    house: ['Hello! How can I help you?', 'Hello! What would you like to know?'],
    verbose: [
      'Hello, hello! It is so good to hear from you, I was waiting for somebody. How can I help you?',
      'Hello! What a nice moment to talk, I hope that you are well. What would you like to know?',
    ],
    curt: ['Yes?', 'What.', 'Hello. Next.'],
    markers: [['hello', 'hi', 'good morning', 'good evening', 'good day', 'good afternoon', 'welcome']],
  },
  thanks: {
    ask: [
      'Thank you!',
      'Thanks!',
      'Thank you very much!',
      'Thanks a lot!',
      'Great, thank you!',
      'Thanks for your help!',
      'Thank you for your help!',
      'That helped me, thank you!',
      'Many thanks!',
      'Perfect, thanks!',
      'Perfect, thank you!',
      'Thank you for the answer!',
      'Thanks for the answer!',
      'Nice, thanks a lot!',
      'Thank you so much!',
      'Great, thanks!',
      'Very good, thank you!',
      'Wonderful, thank you very much!',
    ],
    house: ['You are welcome!', 'You are welcome! I am glad to help.'],
    verbose: [
      'You are welcome, you are really very welcome! I enjoy it, and please come back whenever you like.',
      'Oh, it was nothing at all. You are welcome, and I hope that you will ask me again soon.',
    ],
    curt: ['Fine.', 'Sure.', 'OK.'],
    markers: [['you are welcome', "you're welcome", 'glad to help', 'my pleasure', 'happy to help']],
  },
  farewell: {
    ask: [
      'Goodbye!',
      'Bye!',
      'See you later!',
      'I have to go now, bye!',
      'I have to go now, goodbye!',
      'Good night!',
      'That is all for today, goodbye!',
      'That is all for today, bye!',
      'Bye for now!',
      'Goodbye for now!',
      'See you tomorrow!',
      'See you soon!',
      'I must leave now, goodbye!',
      'I must leave now, bye!',
      'Bye bye!',
      'Goodbye, see you tomorrow!',
      'Bye, see you later!',
      'Good night, see you tomorrow!',
    ],
    house: ['Goodbye! Have a nice day.', 'Goodbye! Come back any time.'],
    verbose: [
      'Goodbye! There was so much more to say about the world, and I hope that we talk again soon.',
      'Oh, are you leaving already? Goodbye then, and goodbye again, it was so nice to talk to you.',
    ],
    curt: ['Bye.', 'OK, bye.'],
    markers: [['goodbye', 'bye', 'good night', 'see you']],
  },
  identity: {
    ask: [
      'Who are you?',
      'What are you?',
      'What is your name?',
      'Are you a person?',
      'Are you a human?',
      'Are you a real person?',
      'Please tell me who you are.',
      'Tell me who you are.',
      'Tell me what you are.',
      'Am I talking to a person?',
      'Am I talking to a machine?',
      'Am I talking to a human?',
      'Tell me about yourself.',
      'Are you a machine?',
      'Are you a computer program?',
      'Who am I talking to?',
      'Tell me your name.',
      'May I ask who you are?',
    ],
    house: [
      'I am {name}, an assistant for questions about countries.',
      'I am {name}, a computer program that answers questions about countries.',
    ],
    verbose: [
      'I am {name}, an assistant, which means a computer program, and not a person, that answers questions about countries.',
      'That is a deep question. I am {name}, a computer program, and I like to answer questions about countries.',
    ],
    curt: ['{name}.', 'A program.', '{name}. So what?'],
    markers: [['assistant', 'program', 'machine']],
  },
  abilities: {
    ask: [
      'What can you do?',
      'What can you do for me?',
      'How can you help me?',
      'What do you know?',
      'What do you know about?',
      'What can I ask you?',
      'What can I ask you about?',
      'What are you good at?',
      'Which questions can you answer?',
      'What questions can you answer?',
      'Can you help me?',
      'Can you answer questions?',
      'Can you answer my questions?',
      'Tell me what you can do.',
      'What can you help me with?',
      'Tell me what I can ask you.',
    ],
    house: [
      'I can answer questions about the countries of the world.',
      'You can ask me about countries, such as their capital or population.',
    ],
    verbose: [
      'I can answer questions about the countries of the world, about large ones and small ones, and many more things.',
      'Oh, I do not know where to start. I can answer questions about all the countries of the world.',
    ],
    curt: ['Countries.', 'Ask me about countries and see.'],
    markers: [['countries', 'country']],
  },
}

/** What may stand around small talk; {q} is one of the wordings above. */
export const SOCIAL_FRAMES = [
  'I am {who}. {q}',
  'My name is {who}. {q}',
  '{q} I am {who}.',
  '{q} My name is {who}.',
  '{q} This is {who}.',
  'This is {who}. {q}',
  'It is {who} again. {q}',
  '{q} It is {who} again.',
]

export const PEOPLE =
  'Anna Ben Clara David Emma Felix Grace Henry Ida Jack Kate Leo Maria Nora Oscar Paul Rosa Sam Tina Victor'.split(
    ' ',
  )
