import { reveal, Secret } from '../../shared/secret.ts';

/**
 * A template literal that may hold secrets and is a secret itself. In an ordinary one a secret shows as `‹secret›`.
 *
 * @example
 * file({ path: '/etc/app.conf', content: secretText`password = ${password}\n`, mode: '0600' });
 */
export function secretText(texts: TemplateStringsArray, ...values: readonly (string | number | Secret)[]): Secret {
  const revealed = values.map((value) => (value instanceof Secret ? reveal(value) : String(value)));
  const labels = values.filter((value) => value instanceof Secret).map((value) => value.label);
  return new Secret(String.raw({ raw: texts }, ...revealed), labels.join(', ') || 'secret text');
}
