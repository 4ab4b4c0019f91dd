/** Icons drawn for this app on a grid of 24, in strokes of the text's colour. Always beside or instead of a name for them. */
const paths = {
  chat: 'M4 5h16v11H9l-5 4z',
  compare: 'M4 6h7v12H4zM13 6h7v12h-7zM6.500 10h2M15.500 10h2',
  label: 'M4 4h8l8 8-8 8-8-8zM8.500 8.500h.01',
  playground: 'M5 19 9.500 5h1L15 19M6.500 14.500h7M18 9v10M16 11h4',
  train: 'M12 3c.5 4-5 6-5 11a5 5 0 0 0 10 0c0-4-4-6-5-11zM8 21h8',
  data: 'M5 6c0-1.500 3-2.500 7-2.500s7 1 7 2.500-3 2.500-7 2.500S5 7.500 5 6zM5 6v12c0 1.500 3 2.500 7 2.500s7-1 7-2.500V6M5 12c0 1.500 3 2.500 7 2.500s7-1 7-2.500',
  models: 'm12 3 8 4.500v9L12 21l-8-4.500v-9zM4 7.500l8 4.500 8-4.500M12 12v9',
  settings:
    'M4 7h8M16 7h4M4 17h4M12 17h8M14 5a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM10 15a2 2 0 1 0 0 4 2 2 0 0 0 0-4z',
  plus: 'M12 5v14M5 12h14',
  close: 'm6 6 12 12M18 6 6 18',
  check: 'm5 13 4.500 4.500L19 7',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  edit: 'M4 20h4L19 9l-4-4L4 16zM13 7l4 4',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.500 11v5M13.500 11v5',
  retry: 'M20 11a8 8 0 1 0-2.300 6M20 5v6h-6',
  stop: 'M7 7h10v10H7z',
  send: 'M12 20V5M6 11l6-6 6 6',
  up: 'M7 11 11 3c1.500 0 2.500 1 2.500 2.500V9h5c1.300 0 2 1 1.800 2.200l-1.300 7c-.2 1-1 1.800-2 1.800H7zM3.500 11H7v9H3.500z',
  down: 'm17 13-4 8c-1.500 0-2.500-1-2.500-2.500V15h-5c-1.300 0-2-1-1.800-2.200l1.300-7c.2-1 1-1.800 2-1.800H17zM20.500 13H17V4h3.500z',
  pen: 'M4 20c4-1 6-3 9-7s4-7 7-9c0 5-3 9-6 12-2 2-5 2-7 2',
  left: 'm14 6-6 6 6 6',
  right: 'm10 6 6 6-6 6',
  'up-arrow': 'm6 14 6-6 6 6',
  equal: 'M6 9.500h12M6 14.500h12',
  chevron: 'm6 10 6 6 6-6',
  list: 'M9 6h11M9 12h11M9 18h11M4.5 6h.01M4.5 12h.01M4.5 18h.01',
  menu: 'M4 7h16M4 12h16M4 17h16',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l4.500 4.500',
  sliders:
    'M4 8h8M16 8h4M4 16h4M12 16h8M14 6a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM10 14a2 2 0 1 0 0 4 2 2 0 0 0 0-4z',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M18.700 5.300l-1.400 1.400M6.700 17.300l-1.400 1.400',
  moon: 'M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500z',
  system: 'M4 5h16v11H4zM9 20h6M12 16v4',
  globe:
    'M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17zM3.500 12h17M12 3.500c3 2.500 3 14.500 0 17M12 3.500c-3 2.500-3 14.500 0 17',
  help: 'M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17zM9.500 9.500c0-3 5-3 5 0 0 2-2.500 2-2.500 4M12 16.500h.01',
  key: 'M8 10a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM11 11l8-8M16 6l3 3',
  grip: 'M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01',
  skip: 'm5 6 8 6-8 6zM18 6v12',
  eye: 'M3 12c4-8 14-8 18 0-4 8-14 8-18 0zM12 9.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5z',
  warning: 'm12 4 9 16H3zM12 10v4.500M12 17h.01',
  play: 'm8 5 11 7-11 7z',
  pause: 'M8 5v14M16 5v14',
  download: 'M12 4v11M7 11l5 5 5-5M5 20h14',
  upload: 'M12 16V5M7 9l5-5 5 5M5 20h14',
  book: 'M12 6c-2-1.500-5-2-8-1.500V19c3-.5 6 0 8 1.500 2-1.500 5-2 8-1.500V4.500c-3-.5-6 0-8 1.500zM12 6v14.500',
  external: 'M13 5h6v6M19 5l-8 8M10 6H5v13h13v-5',
  flag: 'M6 21V4h11l-2 4 2 4H6',
  info: 'M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17zM12 11v5M12 8h.01',
} as const

export type IconName = keyof typeof paths

export function Icon({ name, size = 18 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg
      className="icon"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.75"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={paths[name]} />
    </svg>
  )
}
