/** System calls and netlink, through FFI. Everything here is synchronous unless it says otherwise. */
export * from './mount.ts';
export * from './xattr.ts';
export * from './node.ts';
export * from './crypt.ts';
export * from './process.ts';
export * from './pty.ts';
export * from './cgroup.ts';
export * from './seccomp.ts';
export * from './netlink.ts';
export * from './netlink-route.ts';
export * from './conntrack.ts';
export * from './netns.ts';
export * from './nftables.ts';
export * from './nft-watch.ts';
export * from './inet-socket.ts';
export * from './inet-address.ts';
export * from './open-in-root.ts';
