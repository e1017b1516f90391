import { startKnot } from '../support/name-server.ts';
import { publishesTo } from '../support/publishes-to.ts';

publishesTo('Knot', startKnot);
