import { defineRole } from '../../src/index.ts';
import { params } from './params.ts';
import { publicZones } from './public/zones.ts';

export default defineRole({
  name: 'dns',
  description: 'Publishes the public names of services',
  params,
  resources: (context) => publicZones(context),
});
