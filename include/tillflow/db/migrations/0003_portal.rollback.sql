drop table portal.operator, portal.access, portal.consumer, portal.selection, portal.planogram,
portal.product, portal.allocation, portal.equipment, portal.site, portal.customer, portal.buyer,
portal.draw_product, portal.draw, portal.lottery, portal.channel;
