import { bytes, flag, int, long, many, map, MessageType, type Of, sub, text } from './protobuf.ts';

// The messages of BuildKit's API that are spoken here, and of them the fields that matter; the others are passed over.
// Source: moby/buildkit api/services/control/control.proto, frontend/gateway/pb/gateway.proto, session/*/*.proto;
// tonistiigi/fsutil types/*.proto; googleapis google/rpc/status.proto.

export const Empty = new MessageType({});
export const BytesMessage = new MessageType({ data: bytes(1) });
const Timestamp = new MessageType({ seconds: int(1), nanos: int(2) });
export type Timestamp = Of<typeof Timestamp>;
const Any = new MessageType({ typeUrl: text(1), value: bytes(2) });
export const RpcStatus = new MessageType({ code: int(1), message: text(2), details: many(sub(3, Any)) });

const Platform = new MessageType({ architecture: text(1), os: text(2), variant: text(3) });
const Position = new MessageType({ line: int(1), character: int(2) });
const Range = new MessageType({ start: sub(1, Position), end: sub(2, Position) });
const SourceInfo = new MessageType({ filename: text(1), data: bytes(2), language: text(4) });
/** One operation of BuildKit's graph, as far as it is understood here: a source. */
export const Op = new MessageType({
  inputs: many(sub(1, new MessageType({ digest: text(1), index: int(2) }))),
  source: sub(3, new MessageType({ identifier: text(1), attrs: map(text(2)) })),
});
export const Definition = new MessageType({ def: many(bytes(1)), metadata: map(sub(2, Empty)) });
export type Definition = Of<typeof Definition>;

const BuildkitVersion = new MessageType({ package: text(1), version: text(2), revision: text(3) });
const WorkerRecord = new MessageType({
  id: text(1),
  labels: map(text(2)),
  platforms: many(sub(3, Platform)),
  buildkitVersion: sub(5, BuildkitVersion),
});
export const ListWorkersResponse = new MessageType({ record: many(sub(1, WorkerRecord)) });
export const InfoResponse = new MessageType({ buildkitVersion: sub(1, BuildkitVersion) });

const Exporter = new MessageType({ type: text(1), attrs: map(text(2)) });
export type Exporter = Of<typeof Exporter>;
export const ControlSolveRequest = new MessageType({
  ref: text(1),
  definition: sub(2, Definition),
  exporterDeprecated: text(3),
  exporterAttrsDeprecated: map(text(4)),
  session: text(5),
  frontend: text(6),
  frontendAttrs: map(text(7)),
  cache: sub(8, new MessageType({ exports: many(sub(4, new MessageType({ type: text(1), attrs: map(text(2)) }))) })),
  entitlements: many(text(9)),
  exporters: many(sub(13, Exporter)),
});
export const ControlSolveResponse = new MessageType({ exporterResponse: map(text(1)) });

const Vertex = new MessageType({
  digest: text(1),
  inputs: many(text(2)),
  name: text(3),
  cached: flag(4),
  started: sub(5, Timestamp),
  completed: sub(6, Timestamp),
  error: text(7),
});
export type Vertex = Of<typeof Vertex>;
const VertexStatus = new MessageType({
  id: text(1),
  vertex: text(2),
  name: text(3),
  current: int(4),
  total: int(5),
  timestamp: sub(6, Timestamp),
  started: sub(7, Timestamp),
  completed: sub(8, Timestamp),
});
const VertexLog = new MessageType({ vertex: text(1), timestamp: sub(2, Timestamp), stream: int(3), msg: bytes(4) });
const VertexWarning = new MessageType({
  vertex: text(1),
  level: int(2),
  short: bytes(3),
  detail: many(bytes(4)),
  url: text(5),
  info: sub(6, SourceInfo),
  ranges: many(sub(7, Range)),
});
export const StatusRequest = new MessageType({ ref: text(1) });
export const StatusResponse = new MessageType({
  vertexes: many(sub(1, Vertex)),
  statuses: many(sub(2, VertexStatus)),
  logs: many(sub(3, VertexLog)),
  warnings: many(sub(4, VertexWarning)),
});
export type StatusResponse = Of<typeof StatusResponse>;

export const PruneRequest = new MessageType({
  filter: many(text(1)),
  all: flag(2),
  keepDuration: long(3),
  reservedSpace: int(4),
});
export const UsageRecord = new MessageType({
  id: text(1),
  mutable: flag(2),
  inUse: flag(3),
  size: int(4),
  createdAt: sub(6, Timestamp),
  lastUsedAt: sub(7, Timestamp),
  usageCount: int(8),
  description: text(9),
  recordType: text(10),
  shared: flag(11),
  parents: many(text(12)),
});
export const DiskUsageRequest = new MessageType({ filter: many(text(1)) });
export const DiskUsageResponse = new MessageType({ record: many(sub(1, UsageRecord)) });

export const BuildHistoryRequest = new MessageType({ activeOnly: flag(1), ref: text(2), earlyExit: flag(3) });
export const UpdateBuildHistoryRequest = new MessageType({ ref: text(1), pinned: flag(2), delete: flag(3) });
const Descriptor = new MessageType({ mediaType: text(1), digest: text(2), size: int(3) });
const BuildHistoryRecord = new MessageType({
  ref: text(1),
  frontend: text(2),
  frontendAttrs: map(text(3)),
  error: sub(5, RpcStatus),
  createdAt: sub(6, Timestamp),
  completedAt: sub(7, Timestamp),
  logs: sub(8, Descriptor),
  numCachedSteps: int(15),
  numTotalSteps: int(16),
  numCompletedSteps: int(17),
});
export const BuildHistoryEvent = new MessageType({ type: int(1), record: sub(2, BuildHistoryRecord) });

const ApiCap = new MessageType({ id: text(1), enabled: flag(2) });
export const PongResponse = new MessageType({
  frontendApiCaps: many(sub(1, ApiCap)),
  llbCaps: many(sub(2, ApiCap)),
  workers: many(sub(3, WorkerRecord)),
});
const Ref = new MessageType({ id: text(1), def: sub(2, Definition) });
const RefMap = new MessageType({ refs: map(sub(1, Ref)) });
const Result = new MessageType({ ref: sub(3, Ref), refs: sub(4, RefMap), metadata: map(bytes(10)) });
export const GatewaySolveRequest = new MessageType({
  definition: sub(1, Definition),
  frontend: text(2),
  frontendOpt: map(text(3)),
  frontendInputs: map(sub(13, Definition)),
});
export const GatewaySolveResponse = new MessageType({ ref: text(1), result: sub(3, Result) });
export const ReturnRequest = new MessageType({ result: sub(1, Result), error: sub(2, RpcStatus) });

/** One message of fsutil's transfer of a directory. */
export const Packet = new MessageType({
  type: int(1),
  stat: sub(
    2,
    new MessageType({
      path: text(1),
      mode: int(2),
      uid: int(3),
      gid: int(4),
      size: int(5),
      modTime: long(6),
      linkname: text(7),
      devmajor: int(8),
      devminor: int(9),
      xattrs: map(bytes(10)),
    }),
  ),
  id: int(3),
  data: bytes(4),
});
export type FileStat = NonNullable<Of<typeof Packet>['stat']>;
export const PACKET = { stat: 0, req: 1, data: 2, fin: 3, err: 4 } as const;

// containerd's api/services/content/v1/content.proto
const Digest = new MessageType({ digest: text(1) });
export const ContentInfoRequest = Digest;
export const ContentInfoResponse = new MessageType({
  info: sub(1, new MessageType({ digest: text(1), size: int(2) })),
});
export const ReadContentRequest = Digest;
export const ReadContentRange = new MessageType({ digest: text(1), offset: int(2), size: int(3) });
export const ReadContentResponse = new MessageType({ offset: int(1), data: bytes(2) });
export const WriteContentRequest = new MessageType({
  action: int(1),
  ref: text(2),
  total: int(3),
  expected: text(4),
  offset: int(5),
  data: bytes(6),
});
export const WriteContentResponse = new MessageType({ action: int(1), offset: int(4), digest: text(6) });
export const WRITE = { stat: 0, write: 1, commit: 2 } as const;

export const CredentialsRequest = new MessageType({ host: text(1) });
export const CredentialsResponse = new MessageType({ username: text(1), secret: text(2) });
export const GetSecretRequest = new MessageType({ id: text(1) });
export const GetSecretResponse = new MessageType({ data: bytes(1) });
export const CheckAgentRequest = new MessageType({ id: text(1) });
export const HealthCheckResponse = new MessageType({ status: int(1) });
