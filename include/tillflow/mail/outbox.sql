-- name: queue(topic, message_id, recipients, subject, text_body, html_body, now)$
-- Is there no mail about this topic yet? Then this is it.
insert into mail.message (
    topic, message_id, recipients, subject, text_body, html_body, queued_at, next_attempt_at
)
values (:topic, :message_id, :recipients, :subject, :text_body, :html_body, :now, :now)
on conflict (topic) do nothing
returning id;

-- name: attach(message_id, position, file_name, content_type, content)!
-- Which file goes with the mail, at which place?
insert into mail.attachment (message_id, position, file_name, content_type, content)
values (:message_id, :position, :file_name, :content_type, :content);

-- name: claim(now, leased_until)^
-- Which mail is due first? Nobody else takes it until the lease ends.
with due as (
    select id
    from mail.message
    where
        sent_at is null and failed_at is null
        and leased_until is null
        and next_attempt_at <= :now
    order by next_attempt_at, id
    limit 1
    for update skip locked
)

update mail.message as m
set leased_until = :leased_until, attempts = m.attempts + 1
from due
where m.id = due.id
returning
    m.id, m.topic, m.attempts, m.leased_until, m.recipients,
    m.message_id, m.queued_at, m.subject, m.text_body, m.html_body;

-- name: attachments(message_id)
-- Which files go with the mail, in order?
select
    file_name,
    content_type,
    content
from mail.attachment
where message_id = :message_id
order by position;

-- name: interrupted(now)
-- Which attempts never came to an end: the worker died, or lost the database?
select
    id,
    topic,
    attempts,
    leased_until,
    recipients
from mail.message
where sent_at is null and failed_at is null and leased_until <= :now
order by id;

-- name: settle(id, leased_until, now, sent_at, failed_at, next_attempt_at, recipients, problem, action)$
-- Is the mail still ours? Then this is what became of it. A delivery that took longer than its lease
-- counts all the same: whoever has the mail now, it has been sent, and another attempt's failure is no news.
with settled as (
    update mail.message
    set
        leased_until = null,
        sent_at = :sent_at,
        failed_at = :failed_at,
        next_attempt_at = coalesce(:next_attempt_at, next_attempt_at),
        recipients = :recipients,
        last_error = :problem
    where
        id = :id
        and sent_at is null and failed_at is null
        and (leased_until = :leased_until or :sent_at::timestamptz is not null)
    returning id, topic, attempts, last_error, cardinality(recipients) as recipients
),

recorded as (
    insert into history.event (happened_at, actor, subject, subject_key, action, reason, after)
    select
        :now as happened_at,
        'send_mail' as actor,
        'mail' as subject,
        id::text as subject_key,
        :action::text as action,
        last_error as reason,
        jsonb_build_object('topic', topic, 'attempts', attempts, 'recipients', recipients) as after
    from settled
    where :action::text is not null
)

select count(*) from settled;

-- name: resend_failed(actor, reason, now)$
-- How many failed mails get another three days?
with resent as (
    update mail.message
    set failed_at = null, attempts = 0, next_attempt_at = :now
    where failed_at is not null
    returning id, topic, last_error
),

recorded as (
    insert into history.event (happened_at, actor, subject, subject_key, action, reason, after)
    select
        :now as happened_at,
        :actor as actor,
        'mail' as subject,
        id::text as subject_key,
        'queued_again' as action,
        :reason as reason,
        jsonb_build_object('topic', topic, 'last_error', last_error) as after
    from resent
)

select count(*) from resent;
