// 500 tools of 25 made-up services, described as such tools are, and 60 tasks in the words of people who don't know the tools.
// Several services have the same nouns (issues, messages, files, contacts), so that a search has something to confuse.

const SERVICES = {
  tracker: ['the bug tracker', { issue: ['title', 'body', 'assignee'], sprint: ['name', 'start_date', 'end_date'], label: ['name', 'color'], milestone: ['title', 'due_date'] }],
  repos: ['the source code host', { repository: ['name', 'visibility'], pull_request: ['title', 'head', 'base'], branch: ['name', 'from'], release: ['tag', 'notes'] }],
  mail: ['the mailbox', { message: ['to', 'subject', 'body'], draft: ['to', 'subject', 'body'], folder: ['name'], filter: ['condition', 'action'] }],
  calendar: ['the calendar', { event: ['title', 'start', 'end', 'attendees'], calendar: ['name', 'time_zone'], room_booking: ['room', 'start', 'end'], reminder: ['text', 'at'] }],
  chat: ['the team chat', { channel: ['name', 'topic'], message: ['channel', 'text'], reaction: ['message_id', 'emoji'], user_group: ['name', 'members'] }],
  drive: ['the shared drive', { file: ['path', 'content'], folder: ['path'], permission: ['path', 'user', 'role'], comment: ['path', 'text'] }],
  crm: ['the customer database', { contact: ['name', 'email', 'phone'], company: ['name', 'domain'], deal: ['title', 'amount', 'stage'], activity: ['contact_id', 'kind', 'note'] }],
  helpdesk: ['the support desk', { ticket: ['subject', 'body', 'priority'], customer: ['name', 'email'], macro: ['name', 'actions'], knowledge_article: ['title', 'body'] }],
  billing: ['the billing system', { invoice: ['customer', 'lines', 'due_date'], subscription: ['customer', 'plan'], payment: ['invoice', 'amount'], coupon: ['code', 'percent'] }],
  ledger: ['the accounting ledger', { account: ['number', 'name'], journal_entry: ['date', 'lines'], expense: ['employee', 'amount', 'category'], vendor: ['name', 'iban'] }],
  people: ['the personnel system', { employee: ['name', 'title', 'manager'], leave_request: ['employee', 'from', 'to'], department: ['name', 'head'], review: ['employee', 'rating'] }],
  recruit: ['the recruiting system', { candidate: ['name', 'email', 'resume'], job_opening: ['title', 'location'], interview: ['candidate', 'at', 'panel'], offer: ['candidate', 'salary'] }],
  cluster: ['the container cluster', { deployment: ['image', 'replicas'], pod: ['name', 'namespace'], secret: ['name', 'data'], namespace: ['name'] }],
  cloud: ['the cloud account', { virtual_machine: ['size', 'image'], bucket: ['name', 'region'], dns_record: ['name', 'type', 'value'], firewall_rule: ['port', 'source'] }],
  monitor: ['the monitoring system', { alert: ['query', 'threshold'], dashboard: ['title', 'panels'], incident: ['title', 'severity'], silence: ['matcher', 'until'] }],
  logs: ['the log store', { query: ['text', 'from', 'to'], index: ['name', 'retention_days'], pipeline: ['name', 'steps'], saved_view: ['name', 'query'] }],
  warehouse: ['the data warehouse', { table: ['schema', 'name', 'columns'], view: ['name', 'sql'], scheduled_query: ['sql', 'cron'], dataset: ['name', 'owner'] }],
  shop: ['the online shop', { product: ['title', 'price', 'sku'], order: ['customer', 'lines'], discount: ['code', 'percent'], refund: ['order_id', 'amount'] }],
  stock: ['the inventory system', { item: ['sku', 'quantity'], warehouse: ['name', 'address'], transfer: ['sku', 'from', 'to'], purchase_order: ['supplier', 'lines'] }],
  travel: ['the travel service', { flight: ['from', 'to', 'date'], hotel: ['city', 'check_in', 'check_out'], itinerary: ['traveller', 'legs'], rental_car: ['city', 'from', 'to'] }],
  maps: ['the map service', { route: ['from', 'to', 'mode'], place: ['name', 'near'], geofence: ['name', 'polygon'], address: ['text'] }],
  wiki: ['the company wiki', { page: ['title', 'body', 'space'], space: ['name'], template: ['name', 'body'], attachment: ['page_id', 'file'] }],
  survey: ['the survey tool', { survey: ['title', 'questions'], response: ['survey_id', 'answers'], audience: ['name', 'emails'], report: ['survey_id', 'format'] }],
  sign: ['the signature service', { envelope: ['documents', 'signers'], signer: ['name', 'email'], document_template: ['name', 'fields'], audit_trail: ['envelope_id'] }],
  media: ['the media library', { video: ['title', 'url'], image: ['title', 'url'], playlist: ['name', 'videos'], caption: ['video_id', 'language'] }],
};

const ACTIONS = {
  list: (one, many, where) => [`Lists the ${many} of ${where}, newest first. Results come in pages.`, { limit: 'integer', cursor: 'string' }],
  get: (one, many, where) => [`Returns one ${one} of ${where} with all its fields.`, { id: 'string' }],
  create: (one, many, where) => [`Creates a new ${one} in ${where} and returns it with its id.`, {}],
  update: (one, many, where) => [`Changes an existing ${one} in ${where}. Fields that are left out stay as they are.`, { id: 'string' }],
  delete: (one, many, where) => [`Deletes a ${one} from ${where}. This can't be undone.`, { id: 'string', confirm: 'boolean' }],
};

const plural = (word) => (word.endsWith('y') ? `${word.slice(0, -1)}ies` : /(?:s|x|ch)$/.test(word) ? `${word}es` : `${word}s`);

/** Server name -> its tools, 20 each. */
export const catalogue = Object.fromEntries(
  Object.entries(SERVICES).map(([service, [where, nouns]]) => [
    service,
    Object.entries(nouns).flatMap(([noun, fields]) =>
      Object.entries(ACTIONS).map(([action, describe]) => {
        const one = noun.replaceAll('_', ' ');
        const [description, more] = describe(one, plural(one), where);
        const own = action === 'create' || action === 'update' ? Object.fromEntries(fields.map((field) => [field, 'string'])) : {};
        const properties = Object.fromEntries(Object.entries({ ...more, ...own }).map(([name, type]) => [name, { type, description: `${name.replaceAll('_', ' ')} of the ${one}` }]));
        return { name: `${action}_${action === 'list' ? plural(noun) : noun}`, description, inputSchema: { type: 'object', properties } };
      }),
    ),
  ]),
);

/** What somebody wants, and the one tool that does it. The words were written without regard to the search. */
export const tasks = [
  ['file a bug that the login page crashes', 'tracker', 'create_issue'],
  ['what bugs are open right now', 'tracker', 'list_issues'],
  ['assign the issue TRK-12 to Maria', 'tracker', 'update_issue'],
  ['start planning the next sprint', 'tracker', 'create_sprint'],
  ['when is the milestone due', 'tracker', 'get_milestone'],
  ['open a pull request from my feature branch into main', 'repos', 'create_pull_request'],
  ['show me the pull requests waiting for review', 'repos', 'list_pull_requests'],
  ['remove the stale branch from the source code', 'repos', 'delete_branch'],
  ['publish a release with notes', 'repos', 'create_release'],
  ['make a new private repository', 'repos', 'create_repository'],
  ['send an email to the landlord about the heating', 'mail', 'create_message'],
  ['read my newest email', 'mail', 'list_messages'],
  ['write a draft reply but do not send it', 'mail', 'create_draft'],
  ['sort newsletters away automatically with a mail filter', 'mail', 'create_filter'],
  ['put a meeting with Tom on Thursday at three into my calendar', 'calendar', 'create_event'],
  ['what is on my calendar tomorrow', 'calendar', 'list_events'],
  ['book the large meeting room', 'calendar', 'create_room_booking'],
  ['remind me to call the bank', 'calendar', 'create_reminder'],
  ['move the event to Friday', 'calendar', 'update_event'],
  ['tell the team chat that lunch is here', 'chat', 'create_message'],
  ['set up a channel for the launch', 'chat', 'create_channel'],
  ['react with a thumbs up emoji', 'chat', 'create_reaction'],
  ['upload a file to the shared drive', 'drive', 'create_file'],
  ['give Ana access to the folder on the drive', 'drive', 'create_permission'],
  ['leave a comment on the shared document', 'drive', 'create_comment'],
  ['look up the phone number of a contact', 'crm', 'get_contact'],
  ['add the new customer company to the CRM', 'crm', 'create_company'],
  ['move the deal to the stage won', 'crm', 'update_deal'],
  ['log a call with a contact', 'crm', 'create_activity'],
  ['answer the support ticket 4411', 'helpdesk', 'update_ticket'],
  ['urgent tickets of support customers', 'helpdesk', 'list_tickets'],
  ['write a help article about password resets', 'helpdesk', 'create_knowledge_article'],
  ['bill the customer for July', 'billing', 'create_invoice'],
  ['cancel the subscription of a customer', 'billing', 'delete_subscription'],
  ['which invoices are unpaid', 'billing', 'list_invoices'],
  ['hand in an expense for the train ticket', 'ledger', 'create_expense'],
  ['post a journal entry', 'ledger', 'create_journal_entry'],
  ['change the bank details of a vendor', 'ledger', 'update_vendor'],
  ['request vacation from the 3rd to the 14th', 'people', 'create_leave_request'],
  ['who is the manager of this employee', 'people', 'get_employee'],
  ['schedule an interview with a candidate', 'recruit', 'create_interview'],
  ['make the candidate a salary offer', 'recruit', 'create_offer'],
  ['post a job opening in Berlin', 'recruit', 'create_job_opening'],
  ['scale the deployment to five replicas', 'cluster', 'update_deployment'],
  ['which pods are running in the namespace', 'cluster', 'list_pods'],
  ['create a storage bucket in Frankfurt', 'cloud', 'create_bucket'],
  ['point the domain name at the new server with a DNS record', 'cloud', 'create_dns_record'],
  ['open port 443 in the firewall', 'cloud', 'create_firewall_rule'],
  ['mute alerts for the maintenance window tonight', 'monitor', 'create_silence'],
  ['declare an incident: checkout is down', 'monitor', 'create_incident'],
  ['search the logs for timeouts since noon', 'logs', 'create_query'],
  ['what columns does the orders table have', 'warehouse', 'get_table'],
  ['run this SQL every night', 'warehouse', 'create_scheduled_query'],
  ['give the buyer of order 1009 their money back', 'shop', 'create_refund'],
  ['lower the price of a product', 'shop', 'update_product'],
  ['how many pieces of this SKU are in stock', 'stock', 'get_item'],
  ['order more from the supplier', 'stock', 'create_purchase_order'],
  ['flights from Vienna to Oslo next Monday', 'travel', 'list_flights'],
  ['edit the onboarding page in the wiki', 'wiki', 'update_page'],
  ['send the contract out for signature', 'sign', 'create_envelope'],
];
