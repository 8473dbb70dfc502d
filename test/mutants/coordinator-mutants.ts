// Breakages of the leader and its plans.

import type { Mutant } from './mutant.ts';

export const COORDINATOR_MUTANTS: readonly Mutant[] = [
  {
    name: 'promote past a live owner',
    rule: 'R7: only if the owner has no live znode',
    file: 'coordinator/plan/promote.ts',
    text: 'if (ownerIsLive(view, descriptor)) return;',
    replacement: 'if (ownerIsLive(view, descriptor) && descriptor.transferTo === null) return;',
  },
  {
    name: 'place where the owner cannot reach',
    rule: 'placement: a new replica is where its owner can reach it',
    file: 'coordinator/plan/membership.ts',
    text: '      view.connectivity.areConnected(descriptor.owner.node, node) &&\n',
    replacement: '',
  },
  {
    name: 'move a replica where other members cannot reach it',
    rule: 'placement: a moved replica is where the others can reach it',
    file: 'coordinator/plan/spread-replicas.ts',
    text: ' || view.connectivity.disconnectedAmong(to, held).length > 0) continue;',
    replacement: ') continue;',
  },
  {
    name: 'begin a range over a cut',
    rule: 'placement: the first members can talk to each other',
    file: 'coordinator/plan/first-ranges.ts',
    text: 'node !== place && view.connectivity.areConnected(node, place)',
    replacement: 'node !== place',
  },
  {
    name: 'keep a replica that its owner does not reach',
    rule: 'placement: a replica out of its owner’s reach for replaceAfter is made anew elsewhere',
    file: 'coordinator/cluster-view.ts',
    text: '(view.connectivity.disconnectedForMs(owner.node, node) ?? -1) >= replaceAfterMs',
    replacement: '(view.connectivity.disconnectedForMs(owner.node, node) ?? -1) >= Number.POSITIVE_INFINITY',
  },
  {
    name: 'keep a learner that catches up with nothing',
    rule: 'placement: a replica that catches up with nothing for replaceAfter is made anew elsewhere',
    file: 'coordinator/cluster-view.ts',
    text: '(view.stuckForMs.get(node)?.get(id) ?? -1) >= replaceAfterMs',
    replacement: '(view.stuckForMs.get(node)?.get(id) ?? -1) >= Number.POSITIVE_INFINITY',
  },
  {
    name: 'take the followers of a cut-off owner for lost',
    rule: 'placement: who is cut off judges nobody',
    file: 'coordinator/cluster-view.ts',
    text: '|| view.connectivity.cutOff.has(owner.node)) return null;',
    replacement: ') return null;',
  },
  {
    name: 'use a node that is cut off',
    rule: 'placement: nothing is given to a node that is cut off',
    file: 'coordinator/cluster-view.ts',
    text: '!isLeaving(view, node) &&\n    !view.connectivity.cutOff.has(node)',
    replacement: '!isLeaving(view, node)',
  },
  {
    name: 'forget a node that holds a replica',
    rule: 'forget: only what no descriptor names',
    file: 'coordinator/plan/tasks.ts',
    text: '[...view.ranges, ...view.otherRanges].filter',
    replacement: '[...view.otherRanges].filter',
  },
  {
    name: 'forget a live node',
    rule: 'forget: only a node that is gone',
    file: 'coordinator/plan/tasks.ts',
    text: 'if (view.live.has(node)) throw new Refusal(',
    replacement: 'if (view.ranges.length > 9_999) throw new Refusal(',
  },
  {
    name: 'plan an impossible step again at once',
    rule: 'one step never stands before the others',
    file: 'coordinator/plan/plan-builder.ts',
    text: 'if (!this.view.setAside.has(keyOf(step))) this.steps.push(step);',
    replacement: 'this.steps.push(step);',
  },
];
