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

export interface BlobInfo {
  Path: string;
  Size: number;
}

export interface BootEnvOverride {
  Loaders: Record<string, string>;
  OS: OsInfo;
  Templates: TemplateInfo[];
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
  sections: Record<string, unknown>;
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
  ConsensusID: string;
  VirtInterface: string;
  VirtInterfaceScript: string;
  ConsensusAddr: string;
  ApiUrl: string;
  Passive: boolean;
  Observer: boolean;
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
  Type: string;
  Version: string;
  Name: string;
  ActualVersion: string;
  ReplaceWritable?: boolean;
}

export interface ElementAction {
  Type: string;
  Version: string;
  Name: string;
  ActualVersion: string;
  ReplaceWritable?: boolean;
  Type: string;
  Version: string;
  Name: string;
  ActualVersion: string;
  Action: string;
  Value: unknown;
}

export interface Error {
  Model: string;
  Key: string;
  Type: string;
  Messages: string[];
  Code: number;
}

export interface Event {
  Time: string;
  Type: string;
  Action: string;
  Key: string;
  Principal: string;
  Object: unknown;
  Original: unknown;
}

export interface FileData {
  Path: string;
  Sha256Sum: string;
  Source: string;
  Explode: boolean;
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
  server_hostname: string;
  manager: boolean;
  stats: Stat[];
  features: string[];
  scopes: Record<string, unknown>;
  License: LicenseBundle;
  errors: string[];
  ha_enabled: boolean;
  ha_virtual_address: string;
  ha_is_active: boolean;
  ha_status: string;
  ha_active_id: string;
  ha_passive_state: HaPassiveState[];
  ClusterState: ClusterState;
}

export interface JobAction {
  Name: string;
  Path: string;
  Content: string;
  Meta: Record<string, string>;
}

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
  ConsensusID: string;
  VirtInterface: string;
  VirtInterfaceScript: string;
  ConsensusAddr: string;
  ApiUrl: string;
  Passive: boolean;
  Observer: boolean;
  Offline: boolean;
  LastArtifactCommitHandled: number;
}

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
  Partial: boolean;
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

/** An object of the collection `bootenvs`. */
export interface BootEnv {
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

/** An object of the collection `catalog_items`. */
export interface CatalogItem {
  Id: string;
  Type: string;
  Name: string;
  ActualVersion: string;
  Version: string;
  ContentType: string;
  Source: string;
  Shasum256: Record<string, string>;
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

/** An object of the collection `contexts`. */
export interface Context {
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

/** An object of the collection `endpoints`. */
export interface Endpoint {
  Id: string;
  Description?: string;
  Documentation?: string;
  Params?: Record<string, unknown>;
  ConnectionStatus?: string;
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
  Prefs?: Record<string, string>;
  Global?: Record<string, unknown>;
  Actions?: ElementAction[];
  readonly ActionErrorCount?: number;
  VersionSetsDisabled?: boolean;
  SinglePaneDisabled?: boolean;
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** An object of the collection `interfaces`. */
export interface Interface {
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

/** An object of the collection `jobs`. */
export interface Job {
  Uuid: string;
  Previous: string;
  Machine: string;
  readonly Task: string;
  readonly Stage: string;
  Context: string;
  State: string;
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
  Token?: string;
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** An object of the collection `leases`. */
export interface Lease {
  Addr: string;
  NextServer: string;
  Via: string;
  Token: string;
  Duration: number;
  ExpireTime: string;
  Strategy: string;
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

/** An object of the collection `machines`. */
export interface Machine {
  Name: string;
  Description: string;
  Uuid: string;
  readonly CurrentJob: string;
  Address: string;
  Stage: string;
  BootEnv: string;
  Profiles: string[];
  Params: Record<string, unknown>;
  Tasks: string[];
  CurrentTask: number;
  RetryTaskAttempt: number;
  TaskErrorStacks: TaskStack[];
  Runnable: boolean;
  Secret: string;
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
  WorkflowComplete: boolean;
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Partial: boolean;
  readonly Endpoint: string;
}

/** An object of the collection `params`. */
export interface Param {
  Name: string;
  Description: string;
  Documentation: string;
  Secure: boolean;
  Schema: unknown;
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** An object of the collection `plugin_providers`. */
export interface PluginProvider {
  Name: string;
  Version: string;
  PluginVersion: number;
  AutoStart: boolean;
  HasPublish: boolean;
  AvailableActions: AvailableAction[];
  RequiredParams: string[];
  OptionalParams: string[];
  StoreObjects: Record<string, unknown>;
  Documentation: string;
  Content: string;
  Meta: Record<string, string>;
}

/** An object of the collection `plugins`. */
export interface Plugin {
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

/** An object of the collection `pools`. */
export interface Pool {
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

/** An object of the collection `preferences`. */
export interface Pref {
  Name: string;
  Val: string;
  Meta: Record<string, string>;
}

/** An object of the collection `profiles`. */
export interface Profile {
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

/** An object of the collection `reservations`. */
export interface Reservation {
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
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** An object of the collection `roles`. */
export interface Role {
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

/** An object of the collection `stages`. */
export interface Stage {
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

/** An object of the collection `subnets`. */
export interface Subnet {
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
  ActiveLeaseTime: number;
  ReservedLeaseTime: number;
  OnlyReservations: boolean;
  Options: DhcpOption[];
  Strategy: string;
  Pickers: string[];
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** An object of the collection `tasks`. */
export interface Task {
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

/** An object of the collection `templates`. */
export interface Template {
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

/** An object of the collection `tenants`. */
export interface Tenant {
  Name: string;
  Description: string;
  Documentation: string;
  Members: Record<string, unknown>;
  Users: string[];
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** An object of the collection `users`. */
export interface User {
  Name: string;
  Description: string;
  PasswordHash?: string;
  Secret: string;
  Roles: string[];
  readonly Validated: boolean;
  readonly Available: boolean;
  readonly Errors: string[];
  readonly ReadOnly: boolean;
  Meta: Record<string, string>;
  readonly Bundle: string;
  readonly Endpoint: string;
}

/** An object of the collection `version_sets`. */
export interface VersionSet {
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

/** An object of the collection `workflows`. */
export interface Workflow {
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
  stages: Stage;
  subnets: Subnet;
  tasks: Task;
  templates: Template;
  tenants: Tenant;
  users: User;
  version_sets: VersionSet;
  workflows: Workflow;
}
