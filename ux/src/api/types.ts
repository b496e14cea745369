// Made by tools/generate_schema.py from schema/: do not edit.

export interface Action {
  Model: unknown;
  Plugin: string;
  Command: string;
  CommandSet: string;
  Params: Record<string, unknown>;
}

export interface ArchInfo {
  IsoFile: string;
  Sha256: string;
  IsoUrl: string;
  Kernel: string;
  Initrds: string[];
  BootParams: string;
  Loader: string;
}

export interface AvailableAction {
  Provider: string;
  Model: string;
  Command: string;
  RequiredParams: string[];
  OptionalParams: string[];
}

export interface Baseline {
  VersionSet: VersionSet;
  /** what was not taken, and why */
  LeftOut: string[];
}

export interface BaselineRequest {
  /** of the version set */
  Name: string;
}

export interface BlobInfo {
  Path: string;
  Size: number;
}

export interface BootEnvOverride {
  Loaders: Record<string, string>;
  OS: OsInfo;
  Templates: TemplateInfo[];
}

export interface BulkCounts {
  Total: number;
  Pending: number;
  Running: number;
  Done: number;
  AlreadySo: number;
  Locked: number;
  NotAllowed: number;
  Refused: number;
  Conflict: number;
  Unreachable: number;
  Unknown: number;
}

export interface BulkItem {
  /** its place in the frozen selection */
  Number: number;
  Endpoint: string;
  Key: string;
  /** pending | running | done | already so | locked | not allowed | refused | conflict | unreachable | unknown */
  Outcome: string;
  Message?: string;
}

export interface BulkItems {
  /** items of the outcome that was asked for, or all */
  Total: number;
  /** without objects that do not exist for the caller */
  Items: BulkItem[];
}

export interface BulkOperation {
  /** which of the members below say what is done */
  Kind: string;
  /** patch: a JSON patch (RFC 6902) of each object */
  Patch?: unknown[];
  /** set: values of fields, such as {"Workflow": "x"} */
  Fields?: Record<string, unknown>;
  /** set-params: values of parameters */
  Params?: Record<string, unknown>;
  /** remove-params: parameters; add-profiles, remove-profiles: profiles */
  Names?: string[];
  /** action: the command */
  Action?: string;
  /** action: the plugin that offers it, when several do */
  Plugin?: string;
  /** action: its parameters */
  Arguments?: Record<string, unknown>;
  /** allows a change of stage or workflow while tasks wait */
  Force?: boolean;
}

export interface BulkSelection {
  /** the collection: machines, endpoints ... */
  Type: string;
  /** a query, such as Endpoint=In(a,b)&Available=false */
  Filter?: string;
  /** keys that are left out, /OWNER/KEY for one owner's */
  Except?: string[];
  /** these instead of Filter, /OWNER/KEY for one owner's */
  Keys?: string[];
  /** how many they are: as expected, or as the preview or the start found them; 0: any number */
  Count: number;
  /** RFC 3339: when they were counted */
  At?: string;
}

export interface Cert {
  Data: string[];
  Key: string;
}

export interface Claim {
  scope: string;
  action: string;
  specific: string;
}

export interface ClusterState {
  LoadBalanced: boolean;
  Enabled: boolean;
  ConsensusEnabled: boolean;
  ConsensusJoin: string;
  VirtAddr: string;
  ServerHostname: string;
  ActiveUri: string;
  Token: string;
  HaID: string;
  Valid: boolean;
  Roots: Cert[];
  Nodes: NodeInfo[];
}

export interface Content {
  meta: ContentMetaData;
  sections: Record<string, Record<string, unknown>>;
}

export interface ContentMetaData {
  Name: string;
  Version: string;
  Description: string;
  Source: string;
  Documentation: string;
  RequiredFeatures: string;
  Prerequisites: string;
  Color: string;
  Icon: string;
  Author: string;
  DisplayName: string;
  License: string;
  Copyright: string;
  CodeSource: string;
  Order: string;
  Tags: string;
  DocUrl: string;
  Type: string;
  Writable: boolean;
  Overwritable: boolean;
}

export interface ContentSummary {
  meta: ContentMetaData;
  Counts: Record<string, number>;
  Warnings: string[];
}

export interface CurrentHAState {
  LoadBalanced: boolean;
  Enabled: boolean;
  ConsensusEnabled: boolean;
  ConsensusJoin: string;
  VirtAddr: string;
  ServerHostname: string;
  ActiveUri: string;
  Token: string;
  HaID: string;
  Valid: boolean;
  Roots: Cert[];
  ConsensusID: string;
  VirtInterface: string;
  VirtInterfaceScript: string;
  ConsensusAddr: string;
  ApiUrl: string;
  Passive: boolean;
  Observer: boolean;
}

export interface DhcpOption {
  Code: number;
  Value: string;
}

export interface Element {
  /** DRP | DRPUX | File | Global | Plugin | Pref | PluginProvider | ContentPackage (documents also use short forms CP and PP) */
  Type: string;
  Version: string;
  Name: string;
  ActualVersion: string;
  /** a content pack may replace writable objects of the same name */
  ReplaceWritable?: boolean;
}

export interface ElementAction {
  /** DRP | DRPUX | File | Global | Plugin | Pref | PluginProvider | ContentPackage (documents also use short forms CP and PP) */
  Type: string;
  Version: string;
  Name: string;
  ActualVersion: string;
  /** a content pack may replace writable objects of the same name */
  ReplaceWritable?: boolean;
  /** Set (Pref, Global) | AddOrUpdate | Delete (others); ignored for DRP/DRPUX */
  Action: string;
  /** plugin/pref/global/file value; for File: whether to explode */
  Value: unknown;
}

export interface EndpointPlan {
  Endpoint: string;
  /** first wins */
  VersionSets: string[];
  /** of the endpoint and of every set */
  Apply: boolean;
  /** idle | waiting | applying | stopped | disabled | not connected | not managing */
  State: string;
  /** the manager that holds the endpoint's lease */
  ConfiguredBy: string;
  /** when a stopped pass begins again */
  NextAttempt: string;
  /** actions carried out since there was something to do */
  Done?: number;
  /** Done, and what is left to do */
  Total?: number;
  /** what is left of this manager's lease; it is renewed while work is under way */
  LeaseSeconds?: number;
  Actions: PlanLine[];
  Deletions: PlanLine[];
  /** nothing is deleted while there are any */
  Problems: string[];
  Bytes: number;
  Restarts: boolean;
}

export interface Error {
  Model: string;
  Key: string;
  Type: string;
  Messages: string[];
  /** equals the HTTP status */
  Code: number;
  /** the one member or query word at fault, as a path; absent when there is none */
  Field: string;
}

export interface Event {
  Time: string;
  Type: string;
  Action: string;
  Key: string;
  Principal: string;
  Object: unknown;
  /** previous object, for save/update */
  Original: unknown;
}

export interface FileData {
  /** starts with files/ or isos/ */
  Path: string;
  Sha256Sum: string;
  /** URL, or self://<path> for a file of the manager itself */
  Source: string;
  Explode: boolean;
}

export interface FleetPlan {
  Sets: string[];
  /** RFC 3339 */
  Planned: string;
  /** endpoints */
  Count: number;
  /** endpoints with the same plan, largest group first */
  Groups: FleetPlanGroup[];
  /** endpoints that could not be planned, by reason */
  Problems: FleetPlanProblem[];
  /** of all groups together */
  Links: FleetPlanLink[];
  /** endpoint -> age in seconds of what its plan was made from; absent: nobody knows */
  FactsAges: Record<string, number>;
}

export interface FleetPlanGroup {
  Count: number;
  Endpoints: string[];
  Actions: PlanLine[];
  Deletions: PlanLine[];
  /** nothing is deleted while there are any */
  Problems: string[];
  /** of each endpoint */
  Bytes: number;
  Restarts: boolean;
  /** what this group alone moves */
  Links: FleetPlanLink[];
  /** seconds; the age of the oldest facts of the group; 0 when nobody knows any */
  OldestFacts: number;
}

export interface FleetPlanLink {
  From: string;
  To: string;
  /** each artifact once */
  Bytes: number;
  Artifacts: number;
}

export interface FleetPlanProblem {
  Reason: string;
  Count: number;
  Endpoints: string[];
}

export interface GlobalHaState {
  LoadBalanced: boolean;
  Enabled: boolean;
  ConsensusEnabled: boolean;
  ConsensusJoin: string;
  VirtAddr: string;
  ServerHostname: string;
  ActiveUri: string;
  Token: string;
  HaID: string;
  Valid: boolean;
  Roots: Cert[];
}

export interface HaPassiveState {
  id: string;
  address: string;
  state: string;
  electable: boolean;
}

export interface HeldUpCollection {
  /** seconds, as Age of its owner */
  Age: number;
  Reason: string;
}

export interface HistoryEntry {
  Time: string;
  Commit: number;
  /** create | save | delete */
  Action: string;
  /** the user; empty: a machine or the server */
  By?: string;
  BeforeUnknown?: boolean;
  /** {Path, From, To}: Path is a JSON pointer; From or To is absent where the member was */
  Changes?: unknown[];
  /** other members changed as well */
  More?: boolean;
}

export interface Index {
  Type: string;
  Unique: boolean;
  Unordered: boolean;
  Regex: boolean;
}

export interface Info {
  arch: string;
  os: string;
  version: string;
  id: string;
  local_id: string;
  ha_id: string;
  api_port: number;
  file_port: number;
  secure_file_port: number;
  dhcp_port: number;
  binl_port: number;
  tftp_port: number;
  tftp_enabled: boolean;
  dhcp_enabled: boolean;
  binl_enabled: boolean;
  prov_enabled: boolean;
  secure_prov_enabled: boolean;
  address: string;
  /** SHA-256 of the certificate of the API's port, lower-case hex */
  certificate_fingerprint: string;
  server_hostname: string;
  /** true when pref manager=true and the licence allows it */
  manager: boolean;
  stats: Stat[];
  features: string[];
  scopes: Record<string, Record<string, unknown>>;
  /** JSON name has capital L */
  License: LicenseBundle;
  errors: string[];
  ha_enabled: boolean;
  ha_virtual_address: string;
  ha_is_active: boolean;
  ha_status: string;
  ha_active_id: string;
  ha_passive_state: HaPassiveState[];
  /** JSON name has capitals; always at least a single-node cluster */
  ClusterState: ClusterState;
  /** of this server, made from its local_id; required by clients of v4.17 */
  uuid: string;
  /** required by clients of v4.17 */
  ha_consensus_id: string;
  /** required by clients of v4.17; no DNS is served */
  dns_enabled: boolean;
  dns_port: number;
}

export interface JobAction {
  Name: string;
  Path: string;
  Content: string;
  Meta: Record<string, string>;
}

export type JobActions = JobAction[];

export interface License {
  Name: string;
  Version: string;
  Data: unknown;
  PurchaseDate: string;
  StartDate: string;
  SoftExpireDate: string;
  HardExpireDate: string;
  ContractTerminationDate: string;
  ShortLicense: string;
  LongLicense: string;
  Active: boolean;
  Expired: boolean;
}

export interface LicenseBundle {
  Contact: string;
  ContactEmail: string;
  ContactId: string;
  Owner: string;
  OwnerEmail: string;
  OwnerId: string;
  Grantor: string;
  GrantorEmail: string;
  Version: string;
  GenerationVersion: string;
  Endpoints?: string[];
  MaxDrpVersion: string;
  Licenses: License[];
}

export interface LogLine {
  Group: number;
  Seq: number;
  Time: string;
  Service: string;
  Principal: string;
  Level: string;
  File: string;
  Line: number;
  Message: string;
  Data: unknown[];
  IgnorePublish: boolean;
}

export interface MachineFingerprint {
  SSNHash: string;
  CSNHash: string;
  CloudInstanceID: string;
  SystemUUID: string;
  MemoryIds: string[];
}

export interface NodeHaState {
  ConsensusID: string;
  VirtInterface: string;
  VirtInterfaceScript: string;
  ConsensusAddr: string;
  ApiUrl: string;
  Passive: boolean;
  Observer: boolean;
}

export interface NodeInfo {
  ConsensusID: string;
  VirtInterface: string;
  VirtInterfaceScript: string;
  ConsensusAddr: string;
  ApiUrl: string;
  Passive: boolean;
  Observer: boolean;
  Offline: boolean;
  LastArtifactCommitHandled: number;
  /** entries of the agreed order that it lacks; absent where the member that answers does not know */
  LogBehind?: number;
  /** files that all members are to have and it lacks, as it reports; absent before its first report */
  FilesMissing?: number;
}

export interface ObjectHistory {
  /** the log has older entries */
  More: boolean;
  /** the entries begin with the creation */
  Complete: boolean;
  /** what happened before is not known */
  LogBegins: string;
  /** newest first */
  Entries: HistoryEntry[];
}

export type Objects = string[];

export interface OsInfo {
  Name: string;
  Family: string;
  Codename: string;
  Version: string;
  IsoFile: string;
  IsoSha256: string;
  IsoUrl: string;
  SupportedArchitectures: Record<string, ArchInfo>;
}

export interface OwnerConnection {
  /** its id */
  Endpoint: string;
  InTouch: boolean;
  /** why it is not in touch */
  Reason: string;
  /** seconds: the replica holds what the owner had committed that long ago */
  Age: number;
  /** the manager on the way that does not tell how old its own copy is: the truth may be older than Age */
  AgeUntoldBy?: string;
  /** collections that cannot be read where they come from and are older than Age, by prefix */
  HeldUp?: Record<string, HeldUpCollection>;
  /** seconds: while all is well Age stays below this */
  Resolution: number;
  NextHop: string;
  /** managers in between, the nearest first */
  Hops: string[];
  /** other neighbours that lead there, best first */
  StandBy: string[];
  /** commits not yet received; only where it is attached here */
  Lag?: number;
  /** seconds that its clock is ahead of this server's, negative when it is behind, by the date of its last answer; 0: within a second; only where it is attached here and has told */
  ClockAhead?: number;
  /** requests through the next hop since this server began */
  Forwards: number;
  /** how long they took on average */
  ForwardSeconds: number;
}

export interface PlanLine {
  /** DRP | DRPUX | File | Global | Plugin | Pref | PluginProvider | ContentPackage (documents also use short forms CP and PP) */
  Type: string;
  Version: string;
  Name: string;
  ActualVersion: string;
  /** a content pack may replace writable objects of the same name */
  ReplaceWritable?: boolean;
  /** Set (Pref, Global) | AddOrUpdate | Delete (others); ignored for DRP/DRPUX */
  Action: string;
  /** plugin/pref/global/file value; for File: whether to explode */
  Value: unknown;
  /** in the order in which they are carried out, deletions last */
  Number: number;
  /** the version set that asks; empty for deletions */
  Set: string;
  /** sets further down the list that say something else */
  Shadows: string[];
  /** what is there now; a secret shows as ******** */
  Current: string;
  /** to move; 0 when unknown or none */
  Bytes: number;
  /** the endpoint restarts */
  Restarts: boolean;
  /** numbers of lines that must have succeeded before */
  After: number[];
  Source?: string;
  Sha256Sum?: string;
}

export interface PlanRequest {
  /** version sets, first wins */
  Sets: string[];
  /** a query over endpoints, or a list of ids; at most 1000 endpoints */
  Targets: unknown;
}

export interface PluginProviderUploadInfo {
  path: string;
  size: number;
}

export interface PoolAutoFill {
  UseAutoFill?: boolean;
  MinFree?: number;
  MaxFree?: number;
  CreateParameters?: Record<string, unknown>;
  AcquirePool?: string;
  ReturnPool?: string;
}

export interface PoolResult {
  Name: string;
  Uuid: string;
  Allocated: boolean;
  Status: string;
}

export type PoolResults = Record<string, PoolResult[]>;

export interface PoolTransitionActions {
  Workflow?: string;
  AddProfiles?: string[];
  AddParameters?: Record<string, unknown>;
  RemoveProfiles?: string[];
  RemoveParameters?: string[];
}

export interface RawModel {
  Type: string;
  Id: string;
  Validated: boolean;
  Available: boolean;
  Errors: unknown[];
  Meta: Record<string, unknown>;
  Params: Record<string, unknown>;
  Bundle: string;
  Endpoint: string;
  ReadOnly: boolean;
  Documentation: string;
  Description: string;
  /** only when slimmed */
  Partial: boolean;
}

export interface RolloutBefore {
  VersionSets: string[];
  VersionSet?: string;
  Apply: boolean;
}

export interface RolloutEndpoint {
  Endpoint: string;
  /** whose Endpoint object it is; empty: this manager's */
  Owner?: string;
  /** waiting | putting | applying | closing | done | failed | to return | returning | restoring | returned | not returned | leaving | left */
  State: string;
  Reason?: string;
  /** RFC 3339 */
  Started?: string;
  /** since when it is in this state */
  Since?: string;
  /** since when it looks done */
  CalmSince?: string;
  /** since when it is dark or stopped with errors */
  TroubleSince?: string;
}

export interface RolloutEvent {
  Time: string;
  What: string;
  Who?: string;
}

export interface RolloutGate {
  /** whose objects are counted: machines, jobs, endpoints ... */
  Collection: string;
  /** a query; $endpoints stands for the endpoints of the waves so far: Endpoint=In($endpoints)&Available=false */
  Filter: string;
  Comparison: string;
  Count: number;
  /** how long after the soak time the gate may take to hold; 0 without it */
  Patience?: string;
}

export interface RolloutLimits {
  /** so many failed endpoints stop it; 1 when neither this nor FailedPercent is given */
  Failed?: number;
  /** so much of the endpoints of the waves so far */
  FailedPercent?: number;
  /** how long a wave may take until it soaks; 6h without it */
  WaveLimit?: string;
  /** how long an endpoint may be dark or stopped with errors before it counts as failed; 5m without it */
  EndpointLimit?: string;
}

export interface RolloutWave {
  Name: string;
  /** waiting | running | soaking | done | failed */
  State: string;
  /** RFC 3339 */
  Started?: string;
  /** since when it soaks */
  Soaking?: string;
  SoakUntil?: string;
  Ended?: string;
  /** the gate's last answer */
  Gate?: string;
  Endpoints: RolloutEndpoint[];
}

export interface RolloutWaveRule {
  /** so many of the endpoints that are left */
  Count?: number;
  /** so many of all endpoints, rounded up */
  Percent?: number;
  /** those that are left with this Meta key */
  MetaKey?: string;
  /** the value it must have */
  MetaValue?: string;
  /** these */
  Endpoints?: string[];
}

export interface SecureData {
  Key: string;
  Nonce: string;
  Payload: string;
}

export interface Stat {
  name: string;
  count: number;
}

export interface TaskStack {
  CurrentTask: number;
  TaskList: string[];
}

export interface TemplateInfo {
  Name: string;
  Path: string;
  Link: string;
  ID: string;
  Contents: string;
  Meta: Record<string, string>;
}

export interface TlsCert {
  Cert: string;
  Key: string;
}

export interface UserPassword {
  Password: string;
}

export interface UserToken {
  Token: string;
  Info: Info;
}

export interface Whoami {
  Result: WhoamiResult;
  Fingerprint: MachineFingerprint;
  MacAddrs: string[];
  OnDiskUUID: string;
}

export interface WhoamiResult {
  Score?: number;
  Uuid?: string;
  Token?: string;
}

/** What a machine boots: kernel, initrds, loaders and templates. Collection `bootenvs`. */
export interface BootEnv {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Name: string;
  Description: string;
  Documentation: string;
  OS: OsInfo;
  Templates: TemplateInfo[];
  Kernel: string;
  Initrds: string[];
  BootParams: string;
  RequiredParams: string[];
  OptionalParams: string[];
  OnlyUnknown: boolean;
  Loaders: Record<string, string>;
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** One operation on many objects, carried out in the background as the user who set it going. Collection `bulks`. */
export interface Bulk {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Id: string;
  Description: string;
  Documentation: string;
  What: BulkOperation;
  Selection: BulkSelection;
  /** objects under way at once at each endpoint, 1 to 64 */
  Concurrency: number;
  /** so many failures pause it: refused, conflict, unreachable or unknown; 0: never */
  StopAfter: number;
  /** it asks after so many, and waits for `continue`; 0: never */
  First: number;
  /** created | previewed | freezing | running | asking | paused | stopped | done | failed */
  readonly State: string;
  /** why it is in this state */
  readonly Reason: string;
  /** who set it going last, with whose rights each object is changed */
  readonly StartedBy: string;
  readonly Started: string;
  readonly Ended: string;
  /** under which the frozen selection and the outcomes are kept; empty before the start */
  readonly Run: string;
  readonly Counts: BulkCounts;
  /** the question after the first few was answered */
  readonly Continued: boolean;
  /** what was refused is about to be pending again */
  readonly Retrying: boolean;
  /** failures before it was told to go on, which do not stop it again */
  readonly Forgiven: number;
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** One installable version of a content pack, plugin provider or server program. Collection `catalog_items`. */
export interface CatalogItem {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Id: string;
  Type: string;
  Name: string;
  ActualVersion: string;
  /** "stable", "tip" or the actual version */
  Version: string;
  /** PluginProvider | ContentPackage | DRP | DRPUX | DRPCLI */
  ContentType: string;
  Source: string;
  /** key "<arch>/<os>" or "any/any"; value lower-case hex, or "NOTFOUND" */
  Shasum256: Record<string, string>;
  /** "<Id>:::<Source>" */
  NOJQSource: string;
  Tip: boolean;
  HotFix: boolean;
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Endpoint: string;
}

/** An environment other than the machine itself in which tasks can run. Collection `contexts`. */
export interface Context {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Name: string;
  Image: string;
  Engine: string;
  Description: string;
  Documentation: string;
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** A server that this manager looks after, its observed state and what it should become. Collection `endpoints`. */
export interface Endpoint {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Id: string;
  Description?: string;
  Documentation?: string;
  Params?: Record<string, unknown>;
  /** the state, and after a colon the reason */
  ConnectionStatus?: string;
  /** Connecting | Updating | Connected | Lost | Error | Disabled */
  readonly ConnectionState?: string;
  readonly ConnectionReason?: string;
  /** when it came into this state */
  readonly ConnectionSince?: string;
  /** deprecated single name; still honoured, processed together with VersionSets */
  VersionSet?: string;
  VersionSets?: string[];
  Apply?: boolean;
  HaId?: string;
  Arch?: string;
  Os?: string;
  DRPVersion?: string;
  DRPUXVersion?: string;
  Components?: Element[];
  Plugins?: Plugin[];
  /** reflects the managed endpoint */
  Prefs?: Record<string, string>;
  Global?: Record<string, unknown>;
  Actions?: ElementAction[];
  /** actions that failed in the last pass of applying */
  readonly ActionErrorCount?: number;
  /** hashes of the version sets that Actions and Errors were made for */
  readonly PlannedFor?: string;
  /** no plan is made or applied for this endpoint */
  VersionSetsDisabled?: boolean;
  /** its objects are not replicated to the manager */
  SinglePaneDisabled?: boolean;
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** A network interface of the server. Collection `interfaces`. */
export interface Interface {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Name: string;
  Index: number;
  Addresses: string[];
  ActiveAddress: string;
  Gateway: string;
  DnsServers: string[];
  DnsDomain: string;
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
}

/** One run of one task on one machine. Collection `jobs`. */
export interface Job {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Uuid: string;
  Previous: string;
  Machine: string;
  readonly Task: string;
  readonly Stage: string;
  Context: string;
  /** created | running | failed | finished | incomplete */
  State: string;
  /** "" | reboot | poweroff | stop | complete | failed */
  ExitState: string;
  StartTime: string;
  EndTime: string;
  readonly Archived: boolean;
  Current: boolean;
  readonly CurrentIndex: number;
  readonly NextIndex: number;
  readonly Workflow: string;
  readonly BootEnv: string;
  ExtraClaims?: Claim[];
  /** only when ExtraRoles/ExtraClaims on the task elevate the job */
  Token?: string;
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** An address given to a device for a while. Collection `leases`. */
export interface Lease {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Addr: string;
  NextServer: string;
  Via: string;
  Token: string;
  Duration: number;
  ExpireTime: string;
  Strategy: string;
  /** seen values: "ACK","OFFER","PROBE","PROXY","FAKE","EXPIRED","INVALID" ("FAKE","EXPIRED","INVALID" are certain, the others plausible) */
  readonly State: string;
  Options: DhcpOption[];
  ProvidedOptions: DhcpOption[];
  readonly SkipBoot: boolean;
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** A computer under management. Collection `machines`. */
export interface Machine {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Name: string;
  Description: string;
  Uuid: string;
  readonly CurrentJob: string;
  Address: string;
  /** filled from pref defaultStage ("none") when empty on create */
  Stage: string;
  /** filled from pref defaultBootEnv when empty on create */
  BootEnv: string;
  Profiles: string[];
  /** secure params appear as SecureData objects unless decode=true */
  Params: Record<string, unknown>;
  Tasks: string[];
  /** -1: nothing started; the number of Tasks: all done */
  CurrentTask: number;
  RetryTaskAttempt: number;
  /** depth capped at 1 */
  TaskErrorStacks: TaskStack[];
  /** always true at creation */
  Runnable: boolean;
  OS: string;
  HardwareAddrs: string[];
  Workflow: string;
  Arch: string;
  Locked: boolean;
  Context: string;
  Fingerprint: MachineFingerprint;
  Pool: string;
  readonly PoolAllocated: boolean;
  PoolStatus: string;
  /** always true at creation */
  WorkflowComplete: boolean;
  /** State of the job that CurrentJob names */
  readonly JobState?: string;
  /** its ExitState */
  readonly JobExitState?: string;
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Partial: boolean;
  readonly Endpoint: string;
}

/** The declaration of a parameter: its JSON Schema, default and secrecy. Collection `params`. */
export interface Param {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Name: string;
  Description: string;
  Documentation: string;
  Secure: boolean;
  /** JSON Schema draft v4+; "default" key gives the param default */
  Schema: unknown;
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** A program that offers plugins. Collection `plugin_providers`. */
export interface PluginProvider {
  Name: string;
  Version: string;
  /** must be 4 */
  PluginVersion: number;
  AutoStart: boolean;
  /** deprecated */
  HasPublish: boolean;
  AvailableActions: AvailableAction[];
  RequiredParams: string[];
  OptionalParams: string[];
  StoreObjects: Record<string, unknown>;
  Documentation: string;
  /** YAML content package text; emptied in list output in practice (reference outputs omit it) */
  Content: string;
  Meta: Record<string, string>;
}

/** A configured instance of a plugin provider. Collection `plugins`. */
export interface Plugin {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Name: string;
  Description: string;
  Documentation: string;
  Params: Record<string, unknown>;
  Provider: string;
  readonly PluginErrors: string[];
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Partial: boolean;
  readonly Endpoint: string;
}

/** A group of machines that are allocated and released. Collection `pools`. */
export interface Pool {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Id: string;
  Description?: string;
  Documentation?: string;
  ParentPool?: string;
  EnterActions?: PoolTransitionActions | null;
  ExitActions?: PoolTransitionActions | null;
  AllocateActions?: PoolTransitionActions | null;
  ReleaseActions?: PoolTransitionActions | null;
  AutoFill?: PoolAutoFill | null;
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** A named setting of the server, changed while it runs. Collection `preferences`. */
export interface Pref {
  Name: string;
  Val: string;
  Meta: Record<string, string>;
}

/** A named set of parameters. Collection `profiles`. */
export interface Profile {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Name: string;
  Description: string;
  Documentation: string;
  Params: Record<string, unknown>;
  Profiles: string[];
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Partial: boolean;
  readonly Endpoint: string;
}

/** An address promised to a device. Collection `reservations`. */
export interface Reservation {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Addr: string;
  Description: string;
  Documentation: string;
  Token: string;
  readonly Subnet: string;
  NextServer: string;
  Options: DhcpOption[];
  Strategy: string;
  Scoped: boolean;
  Duration: number;
  Params: Record<string, unknown>;
  /** made by allocate of its subnet */
  Allocated?: boolean;
  /** whose address it is */
  Machine?: string;
  /** parameter of the machine that is the address */
  Parameter?: string;
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** A named set of claims that users are given. Collection `roles`. */
export interface Role {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Name: string;
  Claims: Claim[];
  Description: string;
  Documentation: string;
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** Version sets on their way to many endpoints, in waves with a gate behind each. Collection `rollouts`. */
export interface Rollout {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Id: string;
  Description: string;
  Documentation: string;
  /** sets to put, in priority order */
  VersionSets: string[];
  /** add: in front of what an endpoint has; replace: instead of it */
  Mode: string;
  /** a query over endpoints, such as DRPVersion=Lt(v4.15)&ConnectionStatus=Connected */
  Targets: string;
  /** ids of endpoints, instead of Targets */
  TargetEndpoints: string[];
  /** what no wave takes is the last wave; without any rule all endpoints are one wave */
  Waves: RolloutWaveRule[];
  /** Meta key of endpoints, instead of Waves: one wave for each value in order; those without it are the last */
  WaveBy: string;
  /** endpoints under way at once */
  Concurrency: number;
  /** how long a wave must stay well before its gate is asked, such as 30m */
  Soak: string;
  /** how long an endpoint must look done before it is */
  Settle: string;
  /** asked after each wave; null: none */
  Gate: RolloutGate | null;
  StopWhen: RolloutLimits;
  /** what a failed gate or too many failed endpoints lead to */
  OnFailure: string;
  /** the Apply of an endpoint is true while it is at its turn */
  Apply: boolean;
  /** begin at once */
  Start: boolean;
  /** planned | running | soaking | paused | returning | returned | aborting | aborted | done | failed */
  readonly State: string;
  /** why it is in this state */
  readonly Reason: string;
  readonly Started: string;
  readonly Ended: string;
  readonly Progress: RolloutWave[];
  /** the newest 200 */
  readonly History: RolloutEvent[];
  /** what each endpoint had when its turn came */
  readonly Before: Record<string, RolloutBefore>;
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** A step of a workflow: tasks, templates and the boot environment they need. Collection `stages`. */
export interface Stage {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Name: string;
  Description: string;
  Documentation: string;
  Templates: TemplateInfo[];
  RequiredParams: string[];
  OptionalParams: string[];
  Params: Record<string, unknown>;
  BootEnv: string;
  Tasks: string[];
  Profiles: string[];
  Reboot: boolean;
  /** always true */
  RunnerWait: boolean;
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Partial: boolean;
  readonly Endpoint: string;
}

/** A network on which addresses are handed out. Collection `subnets`. */
export interface Subnet {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Name: string;
  Description: string;
  Documentation: string;
  Enabled: boolean;
  Proxy: boolean;
  Unmanaged: boolean;
  Subnet: string;
  NextServer: string;
  ActiveStart: string;
  ActiveEnd: string;
  /** first address that allocate hands out; unset: the first of the subnet */
  AllocateStart?: string;
  /** last address that allocate hands out; unset: the last of the subnet */
  AllocateEnd?: string;
  ActiveLeaseTime: number;
  ReservedLeaseTime: number;
  OnlyReservations: boolean;
  Options: DhcpOption[];
  Strategy: string;
  Pickers: string[];
  Params: Record<string, unknown>;
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** A unit of work done on a machine. Collection `tasks`. */
export interface Task {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Name: string;
  Description: string;
  Documentation: string;
  Templates: TemplateInfo[];
  RequiredParams: string[];
  OptionalParams: string[];
  Prerequisites: string[];
  ExtraRoles?: string[];
  ExtraClaims?: Claim[];
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** A text that is rendered with the data of a machine. Collection `templates`. */
export interface Template {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  /** immutable after create */
  ID: string;
  Description: string;
  Contents: string;
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** A set of objects and the users who may see only those. Collection `tenants`. */
export interface Tenant {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Name: string;
  Description: string;
  Documentation: string;
  Members: Record<string, string[]>;
  Users: string[];
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** An account of a person or a program. Collection `users`. */
export interface User {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Name: string;
  Description: string;
  Roles: string[];
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** A view of the user interface, or a query that was saved under a name. Collection `ux_views`. */
export interface UxView {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Id: string;
  Description: string;
  Documentation: string;
  Airgap: boolean;
  /** roles whose users are offered it; empty: all */
  ApplicableRoles: string[];
  /** a URL, or the path of a file of this server */
  BrandingImage: string;
  BulkTabs: string[];
  Classifiers: unknown[];
  /** columns of each collection, by prefix */
  Columns: Record<string, string[]>;
  /** the filter that each collection opens with, by prefix */
  Filter: Record<string, string>;
  HideEditObjects: string[];
  LandingPage: string;
  MachineFields: string[];
  /** groups of links */
  Menu: unknown[];
  Params: Record<string, unknown>;
  ParamsRestriction: string[];
  ProfilesRestriction: string[];
  /** of a saved view: PREFIX?NAME=OP(VALUE)&sort=NAME, as the address of its page has it */
  Query: string;
  /** the contract spells it so */
  ShowActiviation: boolean;
  StagesRestriction: string[];
  TasksRestriction: string[];
  WorkflowsRestriction: string[];
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** A declaration of what endpoints should have installed and configured. Collection `version_sets`. */
export interface VersionSet {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Id: string;
  Documentation: string;
  Description: string;
  Apply: boolean;
  DRPVersion: string;
  DRPUXVersion: string;
  Components: Element[];
  Plugins: Plugin[];
  Prefs: Record<string, string>;
  Files: FileData[];
  Global: Record<string, unknown>;
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** An ordered list of stages. Collection `workflows`. */
export interface Workflow {
  /** kept by the server; the zero time when nobody knows */
  readonly CreatedAt: string;
  /** the user who created it; empty: a machine, the server, or nobody knows */
  readonly CreatedBy: string;
  readonly LastModifiedAt: string;
  readonly LastModifiedBy: string;
  Name: string;
  Description: string;
  Documentation: string;
  Stages: string[];
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** Collection prefix to object type. */
export interface Collections {
  bootenvs: BootEnv;
  bulks: Bulk;
  catalog_items: CatalogItem;
  contexts: Context;
  endpoints: Endpoint;
  interfaces: Interface;
  jobs: Job;
  leases: Lease;
  machines: Machine;
  params: Param;
  plugin_providers: PluginProvider;
  plugins: Plugin;
  pools: Pool;
  preferences: Pref;
  profiles: Profile;
  reservations: Reservation;
  roles: Role;
  rollouts: Rollout;
  stages: Stage;
  subnets: Subnet;
  tasks: Task;
  templates: Template;
  tenants: Tenant;
  users: User;
  ux_views: UxView;
  version_sets: VersionSet;
  workflows: Workflow;
}
