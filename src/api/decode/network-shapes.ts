const TEXT_MAP = { map: 'text', absent: '' } as const;

export const ENDPOINT = {
  struct: {
    IPAMConfig: { struct: { IPv4Address: 'text', IPv6Address: 'text', LinkLocalIPs: { list: 'text' } } },
    Links: { list: 'text' },
    Aliases: { list: 'text' },
    MacAddress: 'text',
    DriverOpts: TEXT_MAP,
    GwPriority: 'integer',
    NetworkID: 'text',
    EndpointID: 'text',
    Gateway: 'text',
    IPAddress: 'text',
    IPPrefixLen: 'integer',
    IPv6Gateway: 'text',
    GlobalIPv6Address: 'text',
    GlobalIPv6PrefixLen: 'integer',
    DNSNames: { list: 'text' },
  },
} as const;

export const CREATE_NETWORK = {
  struct: {
    Name: 'text',
    CheckDuplicate: 'flag',
    Driver: 'text',
    Scope: 'text',
    EnableIPv4: 'flag',
    EnableIPv6: 'flag',
    IPAM: {
      struct: {
        Driver: 'text',
        Options: TEXT_MAP,
        Config: {
          list: { struct: { Subnet: 'text', IPRange: 'text', Gateway: 'text', AuxiliaryAddresses: TEXT_MAP } },
        },
      },
    },
    Internal: 'flag',
    Attachable: 'flag',
    Ingress: 'flag',
    ConfigOnly: 'flag',
    ConfigFrom: { struct: { Network: 'text' } },
    Options: TEXT_MAP,
    Labels: TEXT_MAP,
  },
} as const;

export const CONNECT = { struct: { Container: 'text', EndpointConfig: ENDPOINT } } as const;
export const DISCONNECT = { struct: { Container: 'text', Force: 'flag' } } as const;

export const CREATE_VOLUME = {
  struct: { Name: 'text', Driver: 'text', DriverOpts: TEXT_MAP, Labels: TEXT_MAP },
} as const;
