-- The rules of a vend (domain 3.2). Each is written once, here: the predicate that is true where the rule
-- is broken, over the columns of `facts`. From this file come the judgement, the suites of Great
-- Expectations, the texts on screens and in mails, and the table in the docs.

-- rule: malformed_row
-- column: equipment
-- severity: warning
-- title: Malformed Row
-- message: the asset number is blank or longer than 40 characters
-- action: correct the machine's asset number and sync again
-- native: not_null
-- native: match .{1,40}
equipment is null or length(equipment) > 40

-- rule: malformed_row
-- column: boot_id
-- severity: warning
-- title: Malformed Row
-- message: the boot id is longer than 40 characters
-- action: ask for the machine's firmware to be repaired
-- native: match .{0,40}
length(boot_id) > 40

-- rule: malformed_row
-- column: txn_seq
-- severity: warning
-- title: Malformed Row
-- message: the running number is no whole number of up to 15 digits
-- action: ask for the machine's firmware to be repaired
-- native: not_null
-- native: match [0-9]{1,15}
seq is null

-- rule: malformed_row
-- column: vended_at
-- severity: warning
-- title: Malformed Row
-- message: the time of the vend is no ISO 8601 instant with an offset
-- action: repair the machine's clock format, or write the vend off
vended_at is null

-- rule: malformed_row
-- column: quantity
-- severity: warning
-- title: Malformed Row
-- message: the quantity is no whole number from 1 to 9999
-- action: find out from the machine what was vended
-- native: match (?=.{1,15}\Z)0*[1-9][0-9]{0,3}
quantity is null

-- rule: malformed_row
-- column: unit_price
-- severity: warning
-- title: Malformed Row
-- message: the price is no amount of the row's currency, or the row's money is above all measure
-- action: find out from the machine what was charged
currency is not null
and (unit_price_minor is null or quantity * unit_price_minor >= 1000000000000)

-- rule: malformed_row
-- column: currency
-- severity: warning
-- title: Malformed Row
-- message: the currency is no ISO 4217 code
-- action: set the machine's currency
currency is null

-- rule: malformed_row
-- column: result
-- severity: warning
-- title: Malformed Row
-- message: the result is none of vend, test, free, failed, refund
-- action: ask for the machine's firmware to be repaired
-- native: not_null
-- native: in_set vend test free failed refund
result is null

-- rule: malformed_row
-- column: accept_any_card
-- severity: warning
-- title: Malformed Row
-- message: the flag is neither yes nor no
-- action: ask for the machine's firmware to be repaired
-- native: in_set 1 true t yes y 0 false f no n
accept_any_card is null

-- rule: malformed_row
-- column: override_facility
-- severity: warning
-- title: Malformed Row
-- message: the flag is neither yes nor no
-- action: ask for the machine's firmware to be repaired
-- native: in_set 1 true t yes y 0 false f no n
override_facility is null

-- rule: unknown_equipment
-- column: equipment
-- severity: warning
-- title: Unknown Equipment
-- message: the machine is not known, or stood at no site at the time of the vend
-- action: add the machine, or allocate it to its site for that time
equipment is not null and length(equipment) <= 40
and (equipment_id is null or (vended_at is not null and place_id is null))

-- rule: bad_timestamp
-- column: vended_at
-- severity: warning
-- title: Bad Timestamp
-- message: the vend lies more than 10 minutes in the future, or before the machine's first allocation
-- action: set the machine's clock, then find out when the vend took place
vended_at > latest_vend or vended_at < first_allocated_at

-- rule: unknown_product_selection
-- column: selection
-- severity: warning
-- title: Unknown Product Selection
-- message: the selection with this product is not in the planogram in force at the time of the vend
-- action: add the selection with its product to the machine's planogram
equipment_id is not null and vended_at is not null and item_id is null

-- rule: unknown_user
-- column: card_no
-- severity: warning
-- title: Unknown User
-- message: no user of the customer has this card and facility, or this access code and PIN
-- action: add the user, or correct the card, facility or access code
place_id is not null and consumer_id is null
and (card_no is null or override_facility is not null)

-- rule: user_role_mismatch
-- column: card_no
-- severity: warning
-- title: User Role Mismatch
-- message: the user is no Consumer
-- action: give the user the role Consumer
consumer_id is not null and not is_consumer

-- rule: user_access_issue
-- column: card_no
-- severity: warning
-- title: User Access Issue
-- message: the user had no access to this machine at the time of the vend
-- action: give the user access to the machine for that time
consumer_id is not null and not has_access

-- rule: sync_conflict
-- over: standing
-- column: txn_seq
-- severity: warning
-- title: Sync Conflict
-- message: this running number was synced before with other content
-- action: find out from the machine which of the two is right, then write one off
-- native: unique
is_conflict
