"""Pages for people. How to add one:

1. **A module here** with `router = APIRouter()`; its name goes into `PAGES` of `tillflow.web.app`. Paths end with a
   slash (`/offline-sales/`), for there is no redirect. Its entry stands in `tillflow.web.menu`, once.
2. **A route** is a plain `def` (it runs in a thread). It takes the desk it needs, asks a use case or a read model,
   and returns `render(request, desk, "name.html", ...)`. No rule, no SQL, no grant's arithmetic in a page:
   `needs(...)` is the 403, `desk.missing(...)` the 404, `desk.sight`, `desk.channels(...)` and `desk.customers()`
   are what a query is bound to. The database looks again (migration 0013), but that is the second wall.
3. **A write** is `POST -> 303 -> GET`:
   `return see_other(request, "offline-sales/7/", desk.person, flash("success", "It is done."))`.
   The text waits in a signed cookie for the next page; who is not that person does not see it. Form fields come by
   `Annotated[str, Form()]`. SameOrigin has looked at the origin before your route is called. Errors at fields are
   not a redirect: render the form again with status 422.
4. **Links** are made by `link("offline-sales/")` in a template and `href(request, "offline-sales/")` in Python: a path
   without a host, right behind a proxy and in Airflow's frame. Its sandbox has no alert, no confirm, no new window.
5. **A template** extends `base.html` (blocks `title`, `content`). Everything is escaped. Filters: `250 | money("AUD")`,
   `moment | in_zone("Australia/Sydney")`, `number | masked`. No inline script or style, or the browser drops it:
   styles in `static/tillflow.css`; a chart is an `<img>` of a route of its own. htmx (vendored) may poll a fragment;
   without JavaScript the page must do as well. `link("x/", before=7, from_=day)` adds a query, without what is blank.
6. **Building blocks** are the macros of `templates/macros/`: `tables.html` (table, pager, empty), `signs.html` (badge,
   amounts, notice), `layout.html` (breadcrumbs, tabs, facts), `forms.html` (field, text, choose, file, post,
   error_summary). Classes worth knowing: `panel`, `actions`, `fields` (side by side), `filters` (a GET form),
   `button primary`, `danger`, `number`, `code`, `quiet`.
7. **A row in `tests/web/routes.py`** for each route: who gets which status. Without it the build is red.

Addresses that other pages link to:

| path | what is there |
|---|---|
| `offline-sales/{import_id}/?tab=requires_action` | an import, at one of its tabs (codes.Tab) |
| `portal/{table}/?column=value` | the records of a table, filtered |
| `portal/{table}/new/?column=value` | the form of a new record, filled with what is known |
| `portal/{table}/record/?key=a&key=b` | one record and its history; `key` once for each column of its key, in order |
| `portal/{table}/record/edit/?key=a&key=b&column=value` | its form, with other values filled in |
| `portal/do/{edit}/?argument=value` | the form of a special edit (codes.PortalEdit), filled |
| `portal/fix/{exception_id}/{code}/` | the form of a suggested fix that has one (`fix.form`), for this exception |
"""
