-- The rules of an offline sale (domain 2.1, 2.2). Critical rules refuse the file; the others make the row
-- wait for a person. See the machine dumps' rules for how this file is used.

-- rule: order_id_not_integer
-- column: order_id
-- severity: critical
-- title: Order Number Not A Number
-- message: ORDER_ID is no whole number of up to 15 digits
-- action: correct it in the file and upload again
-- native: not_null
-- native: match [0-9]{1,15}
seq is null

-- rule: draw_no_invalid
-- column: draw_no
-- severity: critical
-- title: Draw Number Not A Number
-- message: DRAW_NO is neither a whole number nor the word next
-- action: correct it in the file and upload again
-- native: not_null
-- native: match [0-9]{1,15}|(?i:next)
draw_no is null and not coalesce(wants_next_draw, false)

-- rule: payment_type_unknown
-- column: payment_type
-- severity: critical
-- title: Unknown Payment Type
-- message: PAYMENT_TYPE is none of CASH, CC, CHQ, MO, BD
-- action: correct it in the file and upload again
-- native: not_null
-- native: in_set cash cc chq mo bd
payment_type is null

-- rule: unknown_lottery
-- column: lottery
-- severity: warning
-- title: Unknown Lottery
-- message: there is no active lottery with this key
-- action: correct the key, or activate the lottery
lottery_id is null

-- rule: draw_not_open
-- column: draw_no
-- severity: warning
-- title: Draw Not Open
-- message: the lottery has no such draw, or it is not open for sales
-- action: choose an open draw, or abandon the row and refund
lottery_id is not null and (draw_id is null or not coalesce(is_open, false))

-- rule: unknown_product
-- column: product
-- severity: warning
-- title: Unknown Product
-- message: the product is not sold in this draw
-- action: correct the product code
draw_id is not null and draw_product_id is null

-- rule: bad_customer_id
-- column: customer_id
-- severity: warning
-- title: Bad Customer
-- message: CUSTOMER_ID is longer than 100 characters
-- action: correct it
-- native: length 1 100
length(customer_id) > 100

-- rule: unknown_customer
-- column: customer_id
-- severity: warning
-- title: Unknown Customer
-- message: there is no buyer with this CUSTOMER_ID
-- action: correct it, or leave it blank so that the buyer is found by e-mail
length(customer_id) <= 100 and buyer_id is null

-- rule: bad_title
-- column: title
-- severity: warning
-- title: Bad Title
-- message: TITLE is none of Ms, Mrs, Miss, Mr, Dr
-- action: correct it or leave it blank
-- native: in_set ms mrs miss mr dr ms. mrs. miss. mr. dr.
lower(title) not in ('ms', 'mrs', 'miss', 'mr', 'dr', 'ms.', 'mrs.', 'miss.', 'mr.', 'dr.')

-- rule: bad_first_name
-- column: first_name
-- severity: warning
-- title: Bad First Name
-- message: FIRST_NAME must be 2 to 44 letters, blanks, hyphens, apostrophes or dots
-- action: correct it
first_name is null or length(first_name) not between 2 and 44
or not regexp_full_match(first_name, '[\p{L}\p{M} .''\x{2019}\x{2010}-]+')

-- rule: bad_last_name
-- column: last_name
-- severity: warning
-- title: Bad Last Name
-- message: LAST_NAME must be 2 to 36 letters, blanks, hyphens, apostrophes or dots
-- action: correct it
last_name is null or length(last_name) not between 2 and 36
or not regexp_full_match(last_name, '[\p{L}\p{M} .''\x{2019}\x{2010}-]+')

-- rule: missing_address
-- column: add_line_1
-- severity: warning
-- title: Missing Address
-- message: an address is needed here and its street line is missing
-- action: give ADD_LINE_1, or street number and name
needs_address and address_line is null

-- rule: missing_address
-- column: add_suburb
-- severity: warning
-- title: Missing Address
-- message: an address is needed here and its suburb is missing
-- action: give ADD_SUBURB
needs_address and suburb is null

-- rule: missing_address
-- column: add_state
-- severity: warning
-- title: Missing Address
-- message: an address is needed here and its state is missing
-- action: give ADD_STATE
needs_address and state is null and address_format = 'standard'

-- rule: missing_address
-- column: add_postcode
-- severity: warning
-- title: Missing Address
-- message: an address is needed here and its postcode is missing
-- action: give ADD_POSTCODE
needs_address and postcode is null

-- rule: bad_address
-- column: add_line_1
-- severity: warning
-- title: Bad Address
-- message: the street line is longer than 97 characters
-- action: shorten it
length(street_as_sent) > 97

-- rule: bad_address
-- column: add_suburb
-- severity: warning
-- title: Bad Address
-- message: ADD_SUBURB is longer than 44 characters
-- action: shorten it
-- native: length 1 44
length(suburb) > 44

-- rule: bad_address
-- column: add_state
-- severity: warning
-- title: Bad Address
-- message: ADD_STATE is longer than 44 characters
-- action: shorten it
-- native: length 1 44
length(state) > 44

-- rule: bad_postcode
-- column: add_postcode
-- severity: warning
-- title: Bad Postcode
-- message: ADD_POSTCODE is longer than 10 characters, or in Australia not four digits
-- action: correct it; keep leading zeros
length(postcode) > 10 or (country = 'AU' and not regexp_full_match(postcode, '[0-9]{4}'))

-- rule: bad_country
-- column: add_country
-- severity: warning
-- title: Bad Country
-- message: ADD_COUNTRY is no ISO 3166-1 code of two letters
-- action: correct it, or leave it blank for the usual country
country is null

-- rule: bad_email
-- column: email
-- severity: warning
-- title: Bad E-Mail
-- message: EMAIL is no e-mail address
-- action: correct it, or leave it blank and give the postal address
-- native: match (?=.{1,254}\Z)[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+
length(email) > 254 or not regexp_full_match(email, '[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+')

-- rule: bad_phone
-- column: phone
-- severity: warning
-- title: Bad Phone Number
-- message: PHONE must be 6 to 20 digits, blanks and + - ( ) . with at least 6 digits
-- action: correct it or leave it blank
-- native: match (?=(?:[^0-9]*[0-9]){6})[0-9 \t\xA0+().-]{6,20}
not regexp_full_match(phone, '[0-9 \t\x{00A0}+().-]{6,20}')
or length(regexp_replace(phone, '[^0-9]', '', 'g')) < 6

-- rule: bad_quantity
-- column: quantity
-- severity: warning
-- title: Bad Quantity
-- message: QUANTITY is no whole number from 1 to 9999
-- action: correct it
-- native: not_null
-- native: match (?=.{1,15}\Z)0*[1-9][0-9]{0,3}
quantity is null

-- rule: bad_currency
-- column: currency
-- severity: warning
-- title: Bad Currency
-- message: CURRENCY is no ISO 4217 code
-- action: correct it, or leave it blank for the lottery's currency
currency_text is not null and given_currency is null

-- rule: currency_mismatch
-- column: currency
-- severity: warning
-- title: Currency Mismatch
-- message: the lottery is not sold in this CURRENCY
-- action: correct it
given_currency <> lottery_currency

-- rule: bad_amount
-- column: amount
-- severity: warning
-- title: Bad Amount
-- message: AMOUNT is no amount above zero with the places of its currency
-- action: correct it
currency is not null and (amount is null or amount = 0 or amount >= 1000000000000)

-- rule: amount_mismatch
-- column: amount
-- severity: warning
-- title: Amount Mismatch
-- message: AMOUNT is not the quantity times the price of the product in this draw
-- action: correct the amount, the quantity or the product
amount > 0 and amount < 1000000000000 and amount <> quantity * price_minor

-- rule: missing_payment_ref
-- column: payment_ref
-- severity: warning
-- title: Missing Payment Reference
-- message: a cheque, money order or bank draft needs its number in PAYMENT_REF
-- action: give it
payment_type in ('CHQ', 'MO', 'BD') and payment_ref is null

-- rule: missing_card_token
-- column: card_token
-- severity: warning
-- title: Missing Card Token
-- message: a card payment needs a CARD_TOKEN
-- action: give the gateway's token; never a card number
payment_type = 'CC' and card_token is null

-- rule: card_token_not_allowed
-- column: card_token
-- severity: warning
-- title: Card Token Not Allowed
-- message: CARD_TOKEN is given, but the payment is not by card
-- action: correct the payment type or remove the token
payment_type <> 'CC' and card_token is not null

-- rule: bad_sale_date
-- column: sale_date
-- severity: warning
-- title: Bad Sale Date
-- message: SALE_DATE is neither a day (YYYY-MM-DD) nor an ISO 8601 instant with an offset
-- action: correct it
sold_at is null

-- rule: sale_date_in_future
-- column: sale_date
-- severity: warning
-- title: Sale Date In The Future
-- message: SALE_DATE lies in the future
-- action: correct it
sold_at > now

-- rule: order_conflict
-- over: standing
-- column: order_id
-- severity: warning
-- title: Order Conflict
-- message: this ORDER_ID was uploaded before with other content
-- action: find out which of the two is right; give the other its own number or abandon it
-- native: unique
is_conflict
