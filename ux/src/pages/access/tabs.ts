export const ACCESS_TABS = [
  { label: 'Users', href: '/ux/access/users' },
  { label: 'Roles', href: '/ux/access/roles' },
  { label: 'Tenants', href: '/ux/access/tenants' },
  { label: 'Who can', href: '/ux/access/why' },
] as const;
