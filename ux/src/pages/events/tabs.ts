export const SERVER_TABS = [
  { label: 'Events', href: '/ux/events' },
  { label: 'Log of the server', href: '/ux/logs' },
] as const;
