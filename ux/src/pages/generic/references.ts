/** Who may name an object: from the references of the schema, as queries that an index answers. */
import { TYPES } from '../../api/schema';

export interface Reference {
  prefix: string;
  field: string;
}

/** Only fields with an index: anything else would read whole collections. */
export function referencesTo(prefix: string): Reference[] {
  return Object.values(TYPES).flatMap((type) =>
    type.fields.filter((field) => field.to === prefix && field.name in type.indexes).map((field) => ({ prefix: type.prefix, field: field.name })),
  );
}
