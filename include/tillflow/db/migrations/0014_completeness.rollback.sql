drop view intake.standing_vend;
drop function intake.instant_of(text);
drop table intake.meter_reading;
