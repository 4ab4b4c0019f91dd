/** Talk that is no question about the world. {name} is the assistant's. */
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
      'Hello there.',
      'Good morning!',
      'Good evening!',
      'Good day.',
      'Hey!',
      'Hello, how are you?',
      'Hi, how are you today?',
      'Greetings!',
      'Hello, are you there?',
      'Good afternoon!',
      'Hey, nice to meet you.',
      'Hello, nice to meet you!',
      'Hi again!',
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
      'Thank you very much.',
      'Thanks a lot!',
      'Great, thank you.',
      'Thanks for your help.',
      'That helped me, thank you.',
      'Many thanks!',
      'Perfect, thanks.',
      'Thank you for the answer.',
      'Nice, thanks a lot.',
      'Thank you so much!',
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
      'See you later.',
      'I have to go now. Bye!',
      'Good night!',
      'That is all for today, goodbye.',
      'Bye for now.',
      'See you tomorrow!',
      'I must leave, goodbye!',
      'Goodbye and thank you.',
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
      'Please tell me who you are.',
      'Am I talking to a person?',
      'Tell me about yourself.',
      'Are you a machine?',
      'What should I call you?',
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
      'How can you help me?',
      'What do you know?',
      'What can I ask you?',
      'What are you good at?',
      'Which questions can you answer?',
      'Can you help me?',
      'What can I ask you about?',
      'Can you answer questions?',
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
