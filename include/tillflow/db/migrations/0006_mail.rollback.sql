drop table mail.attachment, mail.message;
