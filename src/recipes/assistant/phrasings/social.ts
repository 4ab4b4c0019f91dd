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
      'Hello, hello! It is so good to hear from you, and I must say that I was waiting for somebody to talk to. There are so many countries, and I could talk about all of them. How can I help you?',
      'Hello! What a wonderful moment to talk. I hope that you are well, that the weather is fine and that you have a lot of time, because I have a lot to say. What would you like to know?',
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
      'Oh, you do not have to thank me at all, that is what I am here for, and I enjoy it. You are welcome, you are really very welcome, and please come back whenever you like.',
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
      'Oh, are you leaving already? There was so much more to say about the countries of the world. Well, goodbye then, and goodbye again, and I hope that we talk soon, because it was nice.',
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
      'Who am I? That is a deep question, and people have thought about it for a very long time. I am {name}, an assistant, which means a computer program, and not a person, that answers questions about countries.',
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
      'Oh, I can do many things, and I do not know where to start. I know about the countries of the world, about large countries and small countries, and I can answer questions about all of these countries.',
    ],
    curt: ['Countries.', 'Ask me about countries and see.'],
    markers: [['countries', 'country']],
  },
}
