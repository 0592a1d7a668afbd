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
   without JavaScript the page must do as well.
6. **A row in `tests/web/routes.py`** for each route: who gets which status. Without it the build is red.
"""
