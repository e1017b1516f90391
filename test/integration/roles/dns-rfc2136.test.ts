import { startBind } from '../../support/name-server.ts';
import { publishesTo } from '../../support/publishes-to.ts';

// A host that publishes, and a real server that takes updates. With Knot: test/long.

publishesTo('BIND', startBind);
