// The cluster as it would be if steps were executed, and nodes did at once what descriptors request of them: replicas catch up, owners hand
// over, retire and replace ranges, and nodes wipe what has ended.

import { compareBytes } from '../../common/base/bytes.ts';
import {
  type Descriptor,
  type DescriptorImage,
  incOf,
  isInSync,
  withInSync,
  withOwner,
  withoutHolder,
} from '../../common/model/descriptor.ts';
import type { RangeId } from '../../common/model/ids.ts';
import { replace, replacementFault } from '../../common/model/replace-ranges.ts';
import { type ClusterView, ownerIsLive } from '../cluster-view.ts';
import type { Step } from '../step.ts';

/** Never changes `view`. Tasks that have ended are left out. */
export function whatIf(view: ClusterView, steps: readonly Step[]): ClusterView {
  const next = new NextView(view);
  for (const step of steps) next.execute(step);
  next.nodesAct();
  return next.view();
}

class NextView {
  readonly #view: ClusterView;
  readonly #ranges = new Map<RangeId, DescriptorImage>();
  readonly #nodes: Map<string, NonNullable<ReturnType<ClusterView['nodes']['get']>>>;
  readonly #namespaces: Map<string, NonNullable<ReturnType<ClusterView['namespaces']['get']>>>;
  readonly #tasks;
  #cluster: ClusterView['cluster'];

  constructor(view: ClusterView) {
    this.#view = view;
    for (const image of [...view.ranges, ...view.otherRanges]) this.#ranges.set(image.descriptor.id, image);
    this.#nodes = new Map(view.nodes);
    this.#namespaces = new Map(view.namespaces);
    this.#tasks = new Map(view.tasks.map((task) => [task.id, task]));
    this.#cluster = view.cluster;
  }

  view(): ClusterView {
    const images = [...this.#ranges.values()];
    const serves = ({ descriptor }: DescriptorImage) => descriptor.state === 'serving';
    const isOpen = ({ record: { state } }: ClusterView['tasks'][number]) =>
      state === 'pending' || state === 'running';
    return {
      ...this.#view,
      cluster: this.#cluster,
      nodes: this.#nodes,
      namespaces: this.#namespaces,
      ranges: images.filter(serves),
      otherRanges: images.filter((image) => !serves(image)),
      rangeIds: new Set(this.#ranges.keys()),
      tasks: [...this.#tasks.values()].filter(isOpen),
      ownedForMs: new Map(images.map(({ descriptor }) => [descriptor.id, Number.MAX_SAFE_INTEGER])),
      requestedForMs: new Map(),
    };
  }

  execute(step: Step): void {
    switch (step.kind) {
      case 'range':
        this.#learn(step.after);
        break;
      case 'create-namespace':
        this.#cluster = { ...step.before, record: step.after };
        this.#namespaces.set(step.namespace.name, { record: step.namespace, version: 0 });
        for (const range of step.ranges) this.#learn(range);
        break;
      case 'reshape':
        this.#cluster = { ...step.before, record: step.after };
        for (const { after } of step.ranges) this.#learn(after);
        break;
      case 'delete-range':
        this.#ranges.delete(step.before.descriptor.id);
        break;
      case 'alter-namespace':
        this.#namespaces.set(step.after.name, { ...step.before, record: step.after });
        break;
      case 'delete-namespace':
        this.#namespaces.delete(step.before.record.name);
        break;
      case 'set-node-mode':
        this.#nodes.set(step.after.id, { ...step.before, record: step.after });
        break;
      case 'forget-node':
        this.#nodes.delete(step.before.record.id);
        break;
      case 'note-node':
      case 'task':
    }
    if (step.task === null) return;
    const { task, after } = step.task;
    this.#tasks.set(task.id, { ...task, record: after });
  }

  #learn(descriptor: Descriptor): void {
    const version = (this.#ranges.get(descriptor.id)?.version ?? -1) + 1;
    this.#ranges.set(descriptor.id, { descriptor, version });
  }

  /** Until no node has anything left to do. */
  nodesAct(): void {
    for (const id of [...this.#ranges.keys()])
      for (let before = this.#ranges.get(id); before !== undefined; ) {
        this.#act(before.descriptor);
        const after = this.#ranges.get(id);
        before = after === before ? undefined : after;
      }
  }

  #act(descriptor: Descriptor): void {
    if (descriptor.state !== 'serving') this.#wipe(descriptor);
    else if (ownerIsLive(this.#view, descriptor) && !this.#isReplaced(descriptor))
      this.#ownerActs(descriptor);
  }

  #wipe(descriptor: Descriptor): void {
    const done = descriptor.replicas.map(({ node }) => node).filter((node) => this.#view.live.has(node));
    if (done.length > 0) this.#learn(withoutHolder(descriptor, done));
  }

  #isReplaced(descriptor: Descriptor): boolean {
    const { reshape, owner } = descriptor;
    if (reshape === null) return false;
    const partner = reshape.partner === null ? [] : [this.#ranges.get(reshape.partner)?.descriptor];
    const parents = [descriptor, ...partner].filter((parent) => parent?.state === 'serving') as Descriptor[];
    if (parents.length <= partner.length || parents.some((parent) => parent.owner.node !== owner.node))
      return false;
    const endings = parents
      .sort((a, b) => compareBytes(a.start, b.start))
      .map((parent) => ({ descriptor: parent, final: { epoch: parent.epoch, seq: parent.base.seq + 1 } }));
    if (replacementFault(endings) !== null) return false;
    const replaced = replace(endings, owner.node, owner.session);
    for (const after of [...replaced.parents, ...replaced.children]) this.#learn(after);
    return true;
  }

  #ownerActs(descriptor: Descriptor): void {
    const { transferTo, retire, replicas, owner, minInSync } = descriptor;
    const transferee = transferTo === null ? undefined : this.#view.live.get(transferTo);
    if (transferee !== undefined)
      return this.#learn(withOwner(descriptor, transferee.id, transferee.session));
    const joining = replicas
      .map(({ node }) => node)
      .filter((node) => !isInSync(descriptor, node) && node !== retire);
    const joined = joining.filter((node) => this.#view.live.has(node));
    if (joined.length > 0) return this.#learn(withInSync(descriptor, [...descriptor.inSync, ...joined]));
    if (retire === null || retire === owner.node || incOf(descriptor, retire) === undefined) return;
    const left = descriptor.inSync.filter((node) => node !== retire);
    if (left.length >= minInSync && left.length < descriptor.inSync.length)
      this.#learn(withInSync(descriptor, left));
  }
}
