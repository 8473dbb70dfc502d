// Mutants of the leader and its plans.

import type { Mutant } from './mutant.ts';

export const COORDINATOR_MUTANTS: readonly Mutant[] = [
  {
    name: 'promote a member while the owner is live',
    rule: 'R7: a member is promoted only if the owner has no live znode',
    file: 'coordinator/plan/promote.ts',
    text: 'if (ownerIsLive(view, descriptor)) return;',
    replacement: 'if (ownerIsLive(view, descriptor) && descriptor.transferTo === null) return;',
  },
  {
    name: 'place a replica where its owner cannot reach it',
    rule: 'placement: the owner can reach a new replica',
    file: 'coordinator/plan/places.ts',
    text: '      view.connectivity.areConnected(owner.node, node) &&\n',
    replacement: '',
  },
  {
    name: 'move a replica where other members cannot reach it',
    rule: 'placement: the other members can reach a moved replica',
    file: 'coordinator/plan/spread-replicas.ts',
    text: '    view.connectivity.disconnectedAmong(to, held).length === 0 &&\n',
    replacement: '',
  },
  {
    name: 'create a range on nodes that cannot reach each other',
    rule: 'placement: the first members of a range can reach each other',
    file: 'coordinator/plan/first-ranges.ts',
    text: '!areOnOneMachine(view, node, place) && view.connectivity.areConnected(node, place)',
    replacement: '!areOnOneMachine(view, node, place)',
  },
  {
    name: 'create a range with two replicas on one machine',
    rule: 'placement: no two replicas of a range are on one machine',
    file: 'coordinator/plan/first-ranges.ts',
    text: '!areOnOneMachine(view, node, place) && view.connectivity.areConnected(node, place)',
    replacement: 'node !== place && view.connectivity.areConnected(node, place)',
  },
  {
    name: 'add a replica on a machine that has one',
    rule: 'placement: no two replicas of a range are on one machine',
    file: 'coordinator/plan/places.ts',
    text: '      loads.machinePeers(node, others) === 0 &&\n',
    replacement: '',
  },
  {
    name: 'balance replicas onto one machine',
    rule: 'placement: no two replicas of a range are on one machine',
    file: 'coordinator/plan/spread-replicas.ts',
    text: ' &&\n    loads.machinePeers(to, others) === 0;',
    replacement: ';',
  },
  {
    name: 'keep a replica that its owner does not reach',
    rule: 'placement: a replica that its owner has not reached for replaceAfterMs is replaced elsewhere',
    file: 'coordinator/cluster-view.ts',
    text: '(view.connectivity.disconnectedForMs(owner.node, node) ?? -1) >= replaceAfterMs',
    replacement: '(view.connectivity.disconnectedForMs(owner.node, node) ?? -1) >= Number.POSITIVE_INFINITY',
  },
  {
    name: 'keep a learner that makes no progress',
    rule: 'placement: a replica that makes no progress for replaceAfterMs is replaced elsewhere',
    file: 'coordinator/cluster-view.ts',
    text: '(view.stuckForMs.get(node)?.get(id) ?? -1) >= replaceAfterMs',
    replacement: '(view.stuckForMs.get(node)?.get(id) ?? -1) >= Number.POSITIVE_INFINITY',
  },
  {
    name: 'take the followers of a cut-off owner for lost',
    rule: 'placement: reports of a node that is cut off do not count',
    file: 'coordinator/cluster-view.ts',
    text: '|| view.connectivity.cutOff.has(owner.node)) return null;',
    replacement: ') return null;',
  },
  {
    name: 'give a replica to a node that is cut off',
    rule: 'placement: a node that is cut off gets nothing',
    file: 'coordinator/cluster-view.ts',
    text: '!isLeaving(view, node) &&\n    !view.connectivity.cutOff.has(node)',
    replacement: '!isLeaving(view, node)',
  },
  {
    name: 'forget a node that holds a replica',
    rule: 'forget: only a node that no descriptor names',
    file: 'coordinator/plan/node-tasks.ts',
    text: '[...view.ranges, ...view.otherRanges].filter',
    replacement: '[...view.otherRanges].filter',
  },
  {
    name: 'forget a live node',
    rule: 'forget: only a node that is gone',
    file: 'coordinator/plan/node-tasks.ts',
    text: 'if (view.live.has(node)) throw new Refusal(',
    replacement: 'if (view.ranges.length > 9_999) throw new Refusal(',
  },
  {
    name: 'plan an impossible step again at once',
    rule: 'one impossible step never blocks the others',
    file: 'coordinator/plan/plan-builder.ts',
    text: "add(step: Exclude<Step, { kind: 'range' }>): void {\n    if (this.view.setAside.has(keyOf(step))) return;",
    replacement: "add(step: Exclude<Step, { kind: 'range' }>): void {",
  },
];
