import { directory, file, packages, type ResourceTree, unit, unitFile } from 'labwright';

/** The service `photos` of the example: a page on a port, which knows nothing of names, certificates or networks. */
export function album(port: number): ResourceTree {
  const service = unitFile({
    name: 'photos.service',
    sections: {
      Unit: { Description: 'Photo album' },
      Service: {
        ExecStart: `/usr/bin/busybox httpd -f -p ${port} -h /srv/photos`,
        DynamicUser: true,
        ProtectHome: true,
        PrivateDevices: true,
        CapabilityBoundingSet: '',
        Restart: 'on-failure',
      },
      Install: { WantedBy: 'multi-user.target' },
    },
  });
  return [
    packages({ names: ['busybox'] }),
    directory({ path: '/srv/photos' }),
    file({ path: '/srv/photos/index.html', content: '<!doctype html>\n<title>Photos</title>\n<h1>Our photos</h1>\n' }),
    service,
    unit({ name: 'photos.service', state: 'running', enabled: true }, { restartOn: [service] }),
  ];
}
