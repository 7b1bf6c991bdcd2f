/** Numbers of one architecture (asm/unistd.h), and how the kernel names it to a filter (linux/audit.h). */
interface Architecture {
  readonly audit: number;
  readonly denied: readonly number[];
  readonly socket: number;
  readonly clone: number;
  readonly ioctl: number;
  /** x86-64 alone: calls with this bit use the x32 numbering, which the list below doesn't cover. */
  readonly foreignFrom?: number;
}

/** The same numbers everywhere: io_uring 425-427, open_tree, move_mount, fsopen, fsconfig, fsmount, fspick 428-433, mount_setattr. */
const COMMON_DENIED = [425, 426, 427, 428, 429, 430, 431, 432, 433, 442];
const CLONE3 = 435;

/**
 * Beside io_uring and the mount API: ptrace, process_vm_*, keyrings, bpf, userfaultfd, perf, mount, pivot_root, unshare,
 * setns, kexec, modules, file handles, swap, reboot, acct, syslog, quotactl.
 */
const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  x64: {
    audit: 0xc000_003e,
    denied: [101, 310, 311, 248, 249, 250, 321, 323, 298, 165, 166, 155, 272, 308, 246, 320, 175, 176, 313, 303, 304, 167, 168, 169, 163, 103, 179, ...COMMON_DENIED],
    socket: 41,
    clone: 56,
    ioctl: 16,
    foreignFrom: 0x4000_0000,
  },
  arm64: {
    audit: 0xc000_00b7,
    denied: [117, 270, 271, 217, 218, 219, 280, 282, 241, 40, 39, 41, 97, 268, 104, 294, 105, 106, 273, 264, 265, 224, 225, 142, 89, 116, 60, ...COMMON_DENIED],
    socket: 198,
    clone: 220,
    ioctl: 29,
  },
};

const LOAD = 0x20;
const EQUAL = 0x15;
const AT_LEAST = 0x35;
const ANY_BIT = 0x45;
const RETURN = 0x06;

const ALLOW = 0x7fff_0000;
const KILL = 0x8000_0000;
const fail = (errno: number): number => 0x0005_0000 + errno;
const EPERM = fail(1);
const ENOSYS = fail(38);
const EAFNOSUPPORT = fail(97);

const AT_NUMBER = 0;
const AT_ARCHITECTURE = 4;
const atArgument = (index: number): number => 16 + 8 * index;

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const NEW_NAMESPACES = 0x7e02_0000;
/** AF_UNIX, AF_INET, AF_INET6, AF_NETLINK. Not AF_VSOCK: no network namespace holds it, and it reaches services of the host. */
const FAMILIES = [1, 2, 10, 16];
/** TIOCSTI and TIOCLINUX type into somebody else's terminal. */
const TERMINAL_INPUT = [0x5412, 0x541c];

/**
 * A classic BPF program for `bwrap --seccomp`: refuses calls by which sandboxed programs attack the kernel or leave their
 * namespaces. `undefined` for an architecture whose numbers we don't have. clone3 hides its flags behind a pointer, so it
 * answers "unknown" and libraries fall back to clone.
 */
export function seccompFilter(architecture: string): Buffer | undefined {
  const numbers = ARCHITECTURES[architecture];
  if (!numbers) return undefined;
  const program = [
    instruction(LOAD, AT_ARCHITECTURE),
    instruction(EQUAL, numbers.audit, 1, 0),
    instruction(RETURN, KILL),
    instruction(LOAD, AT_NUMBER),
    ...(numbers.foreignFrom === undefined ? [] : [instruction(AT_LEAST, numbers.foreignFrom, 0, 1), instruction(RETURN, KILL)]),
    ...numbers.denied.flatMap((number) => onCall(number, [instruction(RETURN, EPERM)])),
    ...onCall(CLONE3, [instruction(RETURN, ENOSYS)]),
    ...onCall(numbers.clone, [instruction(LOAD, atArgument(0)), instruction(ANY_BIT, NEW_NAMESPACES, 0, 1), instruction(RETURN, EPERM), instruction(RETURN, ALLOW)]),
    ...onCall(numbers.socket, [instruction(LOAD, atArgument(0)), ...FAMILIES.flatMap((family) => [instruction(EQUAL, family, 0, 1), instruction(RETURN, ALLOW)]), instruction(RETURN, EAFNOSUPPORT)]),
    ...onCall(numbers.ioctl, [instruction(LOAD, atArgument(1)), ...TERMINAL_INPUT.flatMap((request) => [instruction(EQUAL, request, 0, 1), instruction(RETURN, EPERM)]), instruction(RETURN, ALLOW)]),
    instruction(RETURN, ALLOW),
  ];
  return Buffer.concat(program);
}

/** `body` when the call's number, which must still be loaded, is this one; each body ends in RETURN. */
function onCall(number: number, body: readonly Buffer[]): readonly Buffer[] {
  return [instruction(EQUAL, number, 0, body.length), ...body];
}

/** struct sock_filter: code, jump if true, jump if false, operand. */
function instruction(code: number, operand: number, ifTrue = 0, ifFalse = 0): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(ifTrue, 2);
  bytes.writeUInt8(ifFalse, 3);
  bytes.writeUInt32LE(operand, 4);
  return bytes;
}
